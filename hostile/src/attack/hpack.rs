//! Header blocks of HTTP/2 (RFC 7541), written the plainest way: every field a literal that nobody is to remember.

/// A block of these fields.
pub fn block<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        // A literal without indexing, with a new name (section 6.2.2).
        block.push(0);
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
