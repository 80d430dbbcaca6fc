//! Reads the weights that `CTranslate2` keeps in `model.bin` (version 6, little
//! endian). The bytes are not trusted: every length is checked.

use std::collections::HashMap;

const VERSION: u32 = 6;
const VARIABLES_MAX: u32 = 10_000;
const RANK_MAX: u8 = 4;

/// How a variable's numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 32-bit floats.
    F32,
    /// 16-bit floats (IEEE 754 binary16).
    F16,
    /// Integers, which no weight of ours is.
    Other,
}

/// One variable, its numbers still as bytes.
#[derive(Debug)]
pub struct Variable<'a> {
    /// Outermost first.
    pub dims: Vec<usize>,
    /// What the bytes are.
    pub kind: Kind,
    data: &'a [u8],
}

impl Variable<'_> {
    /// How many numbers.
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// The numbers as 32-bit floats.
    pub fn to_f32(&self) -> Vec<f32> {
        match self.kind {
            Kind::F32 => self.data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            Kind::F16 => self.data.chunks_exact(2).map(|b| f16_to_f32(u16::from_le_bytes([b[0], b[1]]))).collect(),
            Kind::Other => Vec::new(),
        }
    }

    /// The numbers as little-endian 16-bit floats.
    pub fn to_f16_bytes(&self) -> Vec<u8> {
        match self.kind {
            Kind::F16 => self.data.to_vec(),
            Kind::F32 => self.to_f32().into_iter().flat_map(|value| f32_to_f16(value).to_le_bytes()).collect(),
            Kind::Other => Vec::new(),
        }
    }
}

/// All variables by name.
pub fn parse(bytes: &[u8]) -> Result<HashMap<String, Variable<'_>>, String> {
    let mut input = Input { bytes, at: 0 };
    let version = input.u32()?;
    if version != VERSION {
        return Err(format!("the weights are of format {version}, known is {VERSION}"));
    }
    let spec = input.string()?;
    if spec != "WhisperSpec" {
        return Err("the weights are not Whisper's".to_owned());
    }
    let _revision = input.u32()?;
    let count = input.u32()?;
    if count > VARIABLES_MAX {
        return Err("the weights hold too many variables".to_owned());
    }
    let mut variables = HashMap::new();
    for _ in 0..count {
        let name = input.string()?;
        let variable = input.variable(&name)?;
        variables.insert(name, variable);
    }
    Ok(variables)
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| format!("the weights end too early (at byte {})", self.bytes.len()))?;
        let part = &self.bytes[self.at..end];
        self.at = end;
        Ok(part)
    }

    fn u8(&mut self) -> Result<u8, String> {
        self.take(1).map(|b| b[0])
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.take(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    /// u16 length, bytes, the last of them a NUL.
    fn string(&mut self) -> Result<String, String> {
        let length = self.take(2).map(|b| u16::from_le_bytes([b[0], b[1]]))?;
        let bytes = self.take(usize::from(length))?;
        let text = bytes.strip_suffix(&[0]).unwrap_or(bytes);
        String::from_utf8(text.to_vec()).map_err(|_| "a name in the weights is not text".to_owned())
    }

    fn variable(&mut self, name: &str) -> Result<Variable<'a>, String> {
        let rank = self.u8()?;
        if rank > RANK_MAX {
            return Err(format!("{name} has {rank} dimensions"));
        }
        let dims = (0..rank).map(|_| self.u32().map(|dim| dim as usize)).collect::<Result<Vec<_>, _>>()?;
        let (kind, width) = match self.u8()? {
            0 => (Kind::F32, 4),
            1 => (Kind::Other, 1),
            2 => (Kind::Other, 2),
            3 => (Kind::Other, 4),
            4 => (Kind::F16, 2),
            other => return Err(format!("{name} is of an unknown type ({other})")),
        };
        let bytes = self.u32()? as usize;
        let wanted = dims.iter().try_fold(width, |product: usize, dim| product.checked_mul(*dim));
        if wanted != Some(bytes) {
            return Err(format!("{name} has {bytes} bytes, which do not fit its dimensions {dims:?}"));
        }
        Ok(Variable { dims, kind, data: self.take(bytes)? })
    }
}

/// IEEE 754 binary16 to binary32; exact.
fn f16_to_f32(half: u16) -> f32 {
    let sign = u32::from(half >> 15) << 31;
    let exponent = u32::from(half >> 10) & 0x1f;
    let fraction = u32::from(half) & 0x3ff;
    match (exponent, fraction) {
        (0, _) => {
            let value = fraction as f32 * 2_f32.powi(-24);
            if sign == 0 { value } else { -value }
        }
        (0x1f, _) => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        _ => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

/// IEEE 754 binary32 to binary16, to nearest, ties to even.
fn f32_to_f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude > 0x7f80_0000 {
        return sign | 0x7e00;
    }
    if magnitude >= 0x4780_0000 {
        return sign | 0x7c00;
    }
    let (shift, significand) = if magnitude >= 0x3880_0000 {
        (13, magnitude - 0x3800_0000)
    } else {
        // Below the smallest normal half: the significand loses a place for each exponent that is missing.
        let missing = 113_u32.saturating_sub(magnitude >> 23);
        if missing > 11 {
            return sign;
        }
        (13 + missing, (magnitude & 0x007f_ffff) | 0x0080_0000)
    };
    let kept = significand >> shift;
    let rest = significand & ((1 << shift) - 1);
    let middle = 1 << (shift - 1);
    let up = rest > middle || (rest == middle && kept & 1 == 1);
    sign | (kept + u32::from(up)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_survive_the_way_there_and_back() {
        for half in 0..=u16::MAX {
            let value = f16_to_f32(half);
            if value.is_nan() {
                assert!(f16_to_f32(f32_to_f16(value)).is_nan());
            } else {
                assert_eq!(f32_to_f16(value), half, "{half:#06x} = {value}");
            }
        }
    }

    #[test]
    fn floats_are_rounded_to_the_nearest_half() {
        for (value, half) in [
            (1.0, 0x3c00),
            (-2.0, 0xc000),
            (65_504.0, 0x7bff),
            (65_519.9, 0x7bff),
            (65_520.0, 0x7c00),
            (1.0 + 0.5 / 1_024.0, 0x3c00), // a tie, to even
            (1.0 + 1.5 / 1_024.0, 0x3c02), // a tie, to even
            (5.960_464_5e-8, 0x0001),
            (2.0e-8, 0x0000),
            (f32::INFINITY, 0x7c00),
        ] {
            assert_eq!(f32_to_f16(value), half, "{value}");
        }
    }

    #[test]
    fn broken_weights_are_refused() {
        let whole = [
            &6_u32.to_le_bytes()[..],
            &12_u16.to_le_bytes(),
            b"WhisperSpec\0",
            &3_u32.to_le_bytes(),
            &1_u32.to_le_bytes(),
            &2_u16.to_le_bytes(),
            b"x\0",
            &[1],
            &2_u32.to_le_bytes(),
            &[0],
            &8_u32.to_le_bytes(),
            &1_f32.to_le_bytes(),
            &2_f32.to_le_bytes(),
        ]
        .concat();
        assert_eq!(parse(&whole).unwrap()["x"].to_f32(), [1.0, 2.0]);
        for length in 0..whole.len() {
            assert!(parse(&whole[..length]).is_err(), "{length}");
        }
        for at in 0..whole.len() - 8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            // Whatever it says, it must not panic or take endless memory.
            let _ = parse(&bytes);
        }
        let mut dims = whole.clone();
        dims[31..35].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(parse(&dims).unwrap_err().contains("dimensions"));
    }
}
