//! A gzip body that unfolds to far more than it weighs.

/// What one member unfolds to, in bytes.
pub(crate) const UNFOLDED: u64 = 16 * 1024 * 1024;

/// One gzip member of [`UNFOLDED`] times the letter `x`, about 100 KB. Members may follow one another.
///
/// # Source
/// RFC 1952, and RFC 1951, section 3.2.6: one block with fixed codes, a literal and then matches of 258 bytes at distance 1.
pub(crate) fn member() -> Vec<u8> {
    let mut bits = Bits { bytes: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], byte: 0, filled: 0 };
    // The last block; fixed codes.
    bits.push(1, 1);
    bits.push(1, 2);
    bits.code(0x30 + u32::from(b'x'), 8);
    let mut left = UNFOLDED - 1;
    while left >= 258 {
        // Length 258 is symbol 285; distance 1 is code 0.
        bits.code(0b1100_0101, 8);
        bits.code(0, 5);
        left -= 258;
    }
    for _ in 0..left {
        bits.code(0x30 + u32::from(b'x'), 8);
    }
    // The end of the block is symbol 256.
    bits.code(0, 7);
    let mut bytes = bits.finish();
    bytes.extend(checksum().to_le_bytes());
    bytes.extend(u32::try_from(UNFOLDED).unwrap_or(u32::MAX).to_le_bytes());
    bytes
}

/// Bits, the lowest of each byte first.
struct Bits {
    bytes: Vec<u8>,
    byte: u8,
    filled: u8,
}

impl Bits {
    /// The lowest `count` bits of `value`, lowest first.
    fn push(&mut self, value: u32, count: u8) {
        for place in 0..count {
            self.byte |= u8::from(value >> place & 1 == 1) << self.filled;
            self.filled += 1;
            if self.filled == 8 {
                self.bytes.push(std::mem::take(&mut self.byte));
                self.filled = 0;
            }
        }
    }

    /// A code, whose highest bit goes first.
    fn code(&mut self, value: u32, count: u8) {
        for place in (0..count).rev() {
            self.push(value >> place & 1, 1);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.bytes.push(self.byte);
        }
        self.bytes
    }
}

/// CRC-32 of what the member unfolds to.
fn checksum() -> u32 {
    let mut table = [0_u32; 256];
    for (entry, index) in table.iter_mut().zip(0_u32..) {
        *entry = (0..8).fold(index, |crc, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 });
    }
    let step = |crc: u32, _| table[((crc ^ u32::from(b'x')) & 0xff) as usize] ^ (crc >> 8);
    !(0..UNFOLDED).fold(u32::MAX, step)
}
