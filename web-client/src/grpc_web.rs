//! gRPC-Web as bytes: messages in frames, and the trailers in the last one
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>).

use bytes::{Buf, Bytes, BytesMut};
use prost::Message;
use tonic::Code;

use crate::call::Ending;

/// Bytes of the largest message that is read. A mosaic of the usual canvas is a few hundred KB; this is a bound, not an
/// expectation.
const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// In front of each frame: a byte of flags, and the length of what follows.
const HEAD_BYTES: usize = 5;
/// The flags of a frame with a message that is not compressed, and of the one with the trailers.
const MESSAGE: u8 = 0;
const TRAILERS: u8 = 0x80;

/// `message` in its frame, as the body of a request.
pub fn framed(message: &impl Message) -> Vec<u8> {
    let length = message.encoded_len();
    let mut body = Vec::with_capacity(HEAD_BYTES + length);
    body.push(MESSAGE);
    body.extend((length as u32).to_be_bytes());
    let written = message.encode(&mut body);
    debug_assert!(written.is_ok(), "there is always room in a Vec");
    body
}

/// What a frame of a response has.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// A message, as protobuf.
    Message(Bytes),
    /// How the call ended; nothing comes behind it.
    Ending(Ending),
}

/// Takes the body of a response piece by piece, and gives its frames.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: BytesMut,
}

impl Frames {
    /// Room for the next `length` bytes, all of which must be written.
    pub fn room(&mut self, length: usize) -> &mut [u8] {
        let begin = self.buffer.len();
        self.buffer.resize(begin + length, 0);
        &mut self.buffer[begin..]
    }

    /// The next frame, if all of it is there.
    ///
    /// # Errors
    ///
    /// When it is none of gRPC-Web's, or too large.
    pub fn take(&mut self) -> Result<Option<Part>, Ending> {
        let Some((&[flags, a, b, c, d], rest)) = self.buffer.split_first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > MAX_MESSAGE_BYTES || !matches!(flags, MESSAGE | TRAILERS) {
            return Err(Ending::new(Code::Internal, "the answer is not gRPC-Web"));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.buffer.advance(HEAD_BYTES);
        let content = self.buffer.split_to(length).freeze();
        Ok(Some(if flags == MESSAGE { Part::Message(content) } else { Part::Ending(trailers(&content)) }))
    }
}

fn trailers(block: &[u8]) -> Ending {
    let text = String::from_utf8_lossy(block);
    let value = |wanted: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    status(value("grpc-status"), value("grpc-message"))
}

/// What the fields `grpc-status` and `grpc-message` say, be it in trailers or in the head of a response.
pub fn status(code: Option<&str>, message: Option<&str>) -> Ending {
    let code = code.map_or(Code::Unknown, |code| Code::from_bytes(code.as_bytes()));
    Ending { code, message: decoded(message.unwrap_or_default()) }
}

/// The value of the field `authorization` that brings `token`. What has another character than tokens have
/// (RFC 6750 section 2.1) is no token, whatever the server is: messengers put theirs behind a link, and a browser
/// sends no such field.
///
/// # Errors
///
/// The ending of a call that the server would end so.
pub fn bearer(token: &str) -> Result<String, Ending> {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_usual) {
        return Err(Ending::new(Code::Unauthenticated, "its key is cut off, or something else is behind it"));
    }
    Ok(format!("Bearer {token}"))
}

/// `text` without its percent-encoding (RFC 3986 section 2.1); what is no code of it stays as it is.
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let digit = |index: usize| char::from(*behind.get(index)?).to_digit(16);
        match digit(0).zip(digit(1)).filter(|_| *first == b'%') {
            Some((high, low)) => {
                bytes.push((16 * high + low) as u8);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use tessera_wire::PushFrameResponse;

    use super::*;

    fn put(frames: &mut Frames, bytes: &[u8]) {
        frames.room(bytes.len()).copy_from_slice(bytes);
    }

    fn trailers_frame(text: &str) -> Vec<u8> {
        [&[0x80, 0, 0, 0, text.len() as u8], text.as_bytes()].concat()
    }

    #[test]
    fn frames_come_out_whole_however_their_bytes_arrive() {
        let message = PushFrameResponse { superseded: true, refusal: None };
        let end = trailers_frame("grpc-status: 5\r\nGrpc-Message:nobody%20is%20%C3%A9 100%\r\n");
        let body = [framed(&message), framed(&PushFrameResponse::default()), end].concat();
        let expected = [
            Part::Message(message.encode_to_vec().into()),
            Part::Message(Bytes::new()),
            Part::Ending(Ending::new(Code::NotFound, "nobody is é 100%")),
        ];
        for size in 1..=body.len() {
            let (mut frames, mut parts) = (Frames::default(), Vec::new());
            for piece in body.chunks(size) {
                put(&mut frames, piece);
                while let Some(part) = frames.take().unwrap() {
                    parts.push(part);
                }
            }
            assert_eq!(parts, expected, "pieces of {size}");
        }
    }

    #[test]
    fn what_is_no_frame_is_an_error_before_it_is_waited_for() {
        for head in [*b"<html", [1, 0, 0, 0, 0], [0, 0xff, 0xff, 0xff, 0xff]] {
            let mut frames = Frames::default();
            put(&mut frames, &head);
            assert_eq!(frames.take().unwrap_err().code, Code::Internal);
        }
    }

    #[test]
    fn a_status_that_is_missing_or_strange_is_unknown() {
        for code in [None, Some(""), Some("x"), Some("99")] {
            assert_eq!(status(code, None).code, Code::Unknown);
        }
        assert_eq!(status(Some("0"), None), Ending::new(Code::Ok, ""));
    }

    #[test]
    fn a_token_with_a_stray_character_is_refused_before_it_is_sent() {
        assert_eq!(bearer("eyJh.eyJz_-.c2ln").as_deref(), Ok("Bearer eyJh.eyJz_-.c2ln"));
        for token in ["", "a.b.c로", "a.b.c”", "a.b.c…", "a.b.c\"", "a.b.c d", "a.b.c\n"] {
            assert_eq!(bearer(token).unwrap_err().code, Code::Unauthenticated, "{token:?}");
        }
    }

    #[test]
    fn only_what_is_percent_encoded_is_decoded() {
        for (text, meant) in [
            ("a%2Fb", "a/b"),
            ("%ea%b0%80", "가"),
            ("%", "%"),
            ("%2", "%2"),
            ("%+1%zz", "%+1%zz"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(decoded(text), meant);
        }
    }
}
