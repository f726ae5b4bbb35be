//! The octets that follow a request, wherever they come from.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::world::Boxed;

/// Whoever says nothing for so long has gone.
const IDLE: Duration = Duration::from_mins(1);
/// Octets of one piece.
const PIECE_OCTETS: usize = 64 * 1024;

/// Octets that follow a request.
pub trait Incoming: Send {
    /// The next piece; empty at the end.
    ///
    /// # Errors
    /// The other side is gone, or a file cannot be read.
    fn next(&mut self) -> Boxed<'_, io::Result<Vec<u8>>>;
}

/// None.
pub struct Nothing;

impl Incoming for Nothing {
    fn next(&mut self) -> Boxed<'_, io::Result<Vec<u8>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// Of a file of this process.
pub struct FromFile<'a>(pub &'a mut (dyn io::Read + Send));

impl Incoming for FromFile<'_> {
    fn next(&mut self) -> Boxed<'_, io::Result<Vec<u8>>> {
        let mut piece = vec![0; PIECE_OCTETS];
        let read = self.0.read(&mut piece).map(|octets| {
            piece.truncate(octets);
            piece
        });
        Box::pin(std::future::ready(read))
    }
}

/// So many octets of a connection.
pub struct FromConnection<'a, R> {
    connection: &'a mut R,
    left_octets: u64,
}

impl<'a, R: AsyncRead + Unpin + Send> FromConnection<'a, R> {
    /// The next `octets` of it.
    pub fn new(connection: &'a mut R, octets: u64) -> Self {
        Self { connection, left_octets: octets }
    }

    async fn read(&mut self) -> io::Result<Vec<u8>> {
        let wanted = usize::try_from(self.left_octets).unwrap_or(PIECE_OCTETS).min(PIECE_OCTETS);
        let mut piece = vec![0; wanted];
        if wanted > 0 {
            let octets = within(IDLE, self.connection.read(&mut piece)).await?;
            if octets == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended within a message"));
            }
            piece.truncate(octets);
            self.left_octets -= octets as u64;
        }
        Ok(piece)
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line is outside every World")]
async fn within<T>(time: Duration, read: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let gone = |_elapsed| io::Error::new(io::ErrorKind::TimedOut, "nothing came for too long");
    tokio::time::timeout(time, read).await.map_err(gone)?
}

impl<R: AsyncRead + Unpin + Send> Incoming for FromConnection<'_, R> {
    fn next(&mut self) -> Boxed<'_, io::Result<Vec<u8>>> {
        Box::pin(self.read())
    }
}
