//! COMPRESS=DEFLATE: a connection whose octets are compressed both ways (RFC 4978).
//!
//! What we write is compressed anew each time, so that a connection that waits holds no dictionary of 250 KiB; the stream
//! goes on at an octet's boundary, which any reader takes. What we read needs the 32 KiB that came before.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use mail::time::Timestamp;

use crate::world::{TlsFacts, Wire, WireError};

/// Compressed octets read at once.
const READ_OCTETS: usize = 4 * 1024;
/// Compressed octets made at once.
const WRITE_OCTETS: usize = 16 * 1024;
/// Compressors kept for the next who writes: as many as write at one moment, and no more than a few.
const COMPRESSORS_MAX: usize = 8;

/// Compressors that nobody uses now.
static COMPRESSORS: Mutex<Vec<Compress>> = Mutex::new(Vec::new());

/// A connection that may be compressed.
pub struct Line {
    inner: Box<dyn Wire>,
    inflating: Option<Box<Inflating>>,
}

/// What comes in compressed.
struct Inflating {
    inflate: Decompress,
    /// Received and not yet used: from `used` on, up to `filled`.
    incoming: Vec<u8>,
    used: usize,
    filled: usize,
}

impl Line {
    /// As it comes.
    pub fn new(inner: Box<dyn Wire>) -> Self {
        Self { inner, inflating: None }
    }

    /// Both sides have agreed to compress from here on.
    pub fn compress(&mut self) {
        // RFC 4978 section 4: raw deflate, without the header of zlib.
        let inflating = Inflating { inflate: Decompress::new(false), incoming: Vec::new(), used: 0, filled: 0 };
        self.inflating = Some(Box::new(inflating));
    }

    /// The address at the other end.
    pub fn peer(&self) -> SocketAddr {
        self.inner.peer()
    }

    /// Reads at least one octet; 0 at the peer's end of the connection. May be given up, and loses nothing.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub async fn read(&mut self, buffer: &mut [u8], deadline: Timestamp) -> Result<usize, WireError> {
        let Some(inflating) = &mut self.inflating else { return self.inner.read(buffer, deadline).await };
        loop {
            let made = inflating.inflate(buffer)?;
            if made > 0 {
                return Ok(made);
            }
            inflating.incoming.resize(READ_OCTETS, 0);
            (inflating.used, inflating.filled) = (0, 0);
            match self.inner.read(&mut inflating.incoming, deadline).await? {
                0 => return Ok(0),
                octets => inflating.filled = octets,
            }
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub async fn write_all(&mut self, octets: &[u8], deadline: Timestamp) -> Result<(), WireError> {
        if self.inflating.is_none() {
            return self.inner.write_all(octets, deadline).await;
        }
        let compressed = deflated(octets)?;
        self.inner.write_all(&compressed, deadline).await
    }

    /// Turns the connection into TLS.
    ///
    /// # Errors
    /// TLS did not come about.
    pub async fn start_tls(&mut self, deadline: Timestamp) -> Result<TlsFacts, WireError> {
        self.inner.start_tls_as_server(deadline).await
    }

    /// Ends the connection, politely where TLS wants it.
    pub async fn close(&mut self) {
        self.inner.close().await;
    }
}

impl Inflating {
    /// Uncompresses what is here; how many octets came of it.
    fn inflate(&mut self, buffer: &mut [u8]) -> Result<usize, WireError> {
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let input = self.incoming.get(self.used..self.filled).unwrap_or_default();
        let status = self.inflate.decompress(input, buffer, FlushDecompress::None);
        self.used += usize::try_from(self.inflate.total_in() - before_in).unwrap_or(usize::MAX);
        let made = usize::try_from(self.inflate.total_out() - before_out).unwrap_or(usize::MAX);
        match status {
            Ok(Status::StreamEnd) if made == 0 => Err(WireError::Lost("the client ended its compressed stream".to_owned())),
            Ok(_) => Ok(made),
            Err(error) => Err(WireError::Lost(format!("this is no compressed stream: {error}"))),
        }
    }
}

/// Compresses octets so that all of them can be read.
fn deflated(octets: &[u8]) -> Result<Vec<u8>, WireError> {
    let kept = COMPRESSORS.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut compress = kept.unwrap_or_else(|| Compress::new(Compression::fast(), false));
    let mut output = Vec::new();
    let failed = |error: flate2::CompressError| WireError::Lost(format!("compressing: {error}"));
    loop {
        output.reserve(WRITE_OCTETS.min(octets.len() / 2 + 64));
        let used = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
        let left = octets.get(used..).unwrap_or_default();
        compress.compress_vec(left, &mut output, FlushCompress::Sync).map_err(failed)?;
        let used = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
        // Room that is left says that nothing more is to come.
        if used >= octets.len() && output.len() < output.capacity() {
            break;
        }
    }
    compress.reset();
    let mut compressors = COMPRESSORS.lock().unwrap_or_else(PoisonError::into_inner);
    if compressors.len() < COMPRESSORS_MAX {
        compressors.push(compress);
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_in_pieces_is_one_stream() {
        let pieces = ["* 1 EXISTS\r\n".repeat(3), "x".to_owned(), "a OK done\r\n".repeat(20_000), String::new(), "\u{e9}".repeat(9)];
        let mut inflate = Decompress::new(false);
        for piece in pieces {
            let mut read = Vec::with_capacity(piece.len() + 1);
            inflate.decompress_vec(&deflated(piece.as_bytes()).unwrap(), &mut read, FlushDecompress::Sync).unwrap();
            assert_eq!(String::from_utf8(read).unwrap(), piece);
        }
    }
}
