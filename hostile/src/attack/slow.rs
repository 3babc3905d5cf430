//! Guests who take their time: with what they say, and with what they are told.

use std::io;
use std::time::Duration;

use tessera_wire::WatchMosaicRequest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::h2::{self, Connection, Ending, Frame, INITIAL_WINDOW_SIZE};
use super::http1;
use crate::target::Target;

/// How long a slow guest waits between two bytes.
const BETWEEN_BYTES: Duration = Duration::from_millis(100);

/// Something said so slowly that it is never said in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Nothing at all.
    Silence,
    /// The header of a request of HTTP/1.
    Header,
    /// The preface of HTTP/2.
    Preface,
}

impl Opening {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Silence, Self::Header, Self::Preface];

    /// Speaks until the server closes.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn until_closed(self, target: Target) -> io::Result<()> {
        let (mut from, mut to) = target.connect().await?.into_split();
        let speaking = async {
            for byte in self.bytes() {
                sleep(BETWEEN_BYTES).await;
                if to.write_all(&[byte]).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = closed(&mut from) => {}
            () = speaking => {}
        }
        Ok(())
    }

    fn bytes(self) -> Box<dyn Iterator<Item = u8> + Send> {
        match self {
            Self::Silence => Box::new(std::iter::empty()),
            Self::Header => Box::new(b"GET / HTTP/1.1\r\nx: ".iter().copied().chain(std::iter::repeat(b'x'))),
            Self::Preface => Box::new(h2::PREFACE[..h2::PREFACE.len() - 1].iter().copied()),
        }
    }
}

/// Waits until nothing more can be read.
pub async fn closed(from: &mut (impl tokio::io::AsyncRead + Unpin)) {
    let mut buffer = [0; 4096];
    while let Ok(1..) = from.read(&mut buffer).await {}
}

/// Joins by StreamFrames, and then sends a frame so slowly that it never comes; how the server ends it.
///
/// # Errors
///
/// When there is no connection.
pub async fn slow_body(target: Target, hello: Vec<u8>) -> io::Result<Ending> {
    let mut connection = Connection::open(target, &[]).await?;
    connection.send(&Frame::call(1, "StreamFrames")).await?;
    connection.send(&Frame::data(1, 0, hello)).await?;
    // A message of a megabyte is announced.
    connection.send(&Frame::data(1, 0, vec![0, 0, 0x10, 0, 0])).await?;
    drip(connection).await
}

/// One byte of a message after the other, while the server's PINGs are answered.
async fn drip(connection: Connection) -> io::Result<Ending> {
    let (mut from, mut to) = connection.into_socket().into_split();
    let reading = async {
        let mut ending = Ending::Closed;
        let mut head = [0; 9];
        while from.read_exact(&mut head).await.is_ok() {
            let [a, b, c, kind, flags, _, _, _, stream] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            from.read_exact(&mut payload).await.ok();
            if stream == 1 && (kind == 3 || flags & h2::END_STREAM != 0 && kind < 2) {
                ending = Ending::Stream;
                break;
            }
        }
        ending
    };
    let dripping = async {
        loop {
            sleep(BETWEEN_BYTES).await;
            if to.write_all(&Frame::data(1, 0, vec![0]).bytes()).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        ending = reading => Ok(ending),
        () = dripping => Ok(Ending::Closed),
    }
}

/// Watches with a window of HTTP/2 that never opens, alive all the while; how the server ends it.
///
/// # Errors
///
/// When there is no connection.
pub async fn closed_window(target: Target) -> io::Result<Ending> {
    let mut connection = Connection::open(target, &[(INITIAL_WINDOW_SIZE, 0)]).await?;
    connection.call(1, "WatchMosaic", &WatchMosaicRequest::default()).await?;
    Ok(connection.ending(1).await)
}

/// Watches as a browser does, and reads nothing of it: the socket, whose end tells what the server did.
///
/// # Errors
///
/// When there is no connection.
pub async fn unread(target: Target) -> io::Result<TcpStream> {
    let mut socket = target.connect_narrow().await?;
    socket.write_all(&http1::watch(target.server)).await?;
    Ok(socket)
}

/// Watches and reads so many bytes a second, until the server ends it; how many it read.
///
/// # Errors
///
/// When there is no connection.
pub async fn slow_reader(target: Target, bytes_a_second: usize) -> io::Result<u64> {
    let mut socket = unread(target).await?;
    let mut buffer = vec![0; bytes_a_second.div_ceil(10)];
    let mut read = 0;
    while let Ok(length @ 1..) = socket.read(&mut buffer).await {
        read += length as u64;
        sleep(Duration::from_millis(100)).await;
    }
    Ok(read)
}
