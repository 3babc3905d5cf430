//! Header blocks of HTTP/2 (RFC 7541), written the plainest way: every field a literal with a name of its own.

/// A literal that nobody is to remember (section 6.2.2), and one that the peer adds to its table (6.2.1).
const FORGOTTEN: u8 = 0;
const TAUGHT: u8 = 0x40;
/// A field of a table (6.1). The newest that was taught is behind 61 that everybody knows (2.3.3).
const KNOWN: u8 = 0x80;
const NEWEST: u8 = 62;

/// A block of these fields.
pub fn block<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    literals(FORGOTTEN, fields)
}

/// The same, and the peer is to remember them.
pub fn taught<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    literals(TAUGHT, fields)
}

/// A block of the last fields that were taught, so many, a byte for each.
pub fn known(count: u8) -> Vec<u8> {
    (0..count).rev().map(|n| KNOWN | (NEWEST + n)).collect()
}

fn literals<'a>(kind: u8, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(kind);
        string(&mut block, name);
        string(&mut block, value);
    }
    block
}

/// A string without Huffman coding (section 5.2).
fn string(block: &mut Vec<u8>, text: &str) {
    integer(block, text.len());
    block.extend_from_slice(text.as_bytes());
}

/// An integer with a prefix of 7 bits (section 5.1).
fn integer(block: &mut Vec<u8>, value: usize) {
    const PREFIX: usize = 127;
    let Some(mut rest) = value.checked_sub(PREFIX) else {
        return block.push(value as u8);
    };
    block.push(PREFIX as u8);
    while rest >= 128 {
        block.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_of_the_standard() {
        let written = |value| {
            let mut block = Vec::new();
            integer(&mut block, value);
            block
        };
        assert_eq!(written(10), [10]);
        assert_eq!(written(127), [127, 0]);
        assert_eq!(written(1337), [127, 0xBA, 0x09]);
    }
}
