//! The fields of a layer or an option, as their types.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::RangeInclusive;
use core::str::FromStr;

use super::error::{ExpressionProblem, Problem};
use super::parse::{HEX, nibble};
use super::syntax::{Argument, Call, Place, Value, ValueKind};
use crate::Ecn;

/// The most bytes one expression makes: more than any packet has.
pub(super) const LEN_MAX: usize = 0x2_0000;

/// Says whether `len` bytes are still no more than one expression makes.
pub(super) const fn check_len(len: usize, at: Place) -> Result<(), Problem> {
    if len > LEN_MAX {
        let most = LEN_MAX;
        return Err(Problem::new(at, ExpressionProblem::TooLong { most }));
    }
    Ok(())
}

/// A call whose arguments are all fields of its layer or option.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'a> {
    call: &'a Call,
    fields: &'static [&'static str],
}

impl<'a> Arguments<'a> {
    /// Checks that every argument is one of `fields`, in whose order those without a name stand.
    pub(super) fn new(call: &'a Call, fields: &'static [&'static str]) -> Result<Self, Problem> {
        let arguments = Self { call, fields };
        for (index, argument) in call.arguments.iter().enumerate() {
            let Some(field) = arguments.field(index, argument) else {
                let problem = match argument.name {
                    Some(_) => ExpressionProblem::UnknownField { known: fields },
                    None => ExpressionProblem::TooManyValues { most: fields.len() },
                };
                return Err(Problem::new(argument.at, problem));
            };
            let mut before = call.arguments[..index].iter().enumerate();
            if before.any(|(index, other)| arguments.field(index, other) == Some(field)) {
                return Err(Problem::new(argument.at, ExpressionProblem::SetTwice));
            }
        }
        Ok(arguments)
    }

    fn field(&self, index: usize, argument: &Argument) -> Option<&'static str> {
        match &argument.name {
            Some(name) => self.fields.iter().find(|field| *field == name).copied(),
            None => self.fields.get(index).copied(),
        }
    }

    /// Returns where the layer or option starts.
    pub(super) const fn at(&self) -> Place {
        self.call.at
    }

    pub(super) fn value(&self, field: &str) -> Option<&'a Value> {
        let mut arguments = self.call.arguments.iter().enumerate();
        let found = arguments.find(|(index, it)| self.field(*index, it) == Some(field));
        found.map(|(_, argument)| &argument.value)
    }

    /// Returns where the value of a field starts, or the call where the field is left out.
    pub(super) fn place(&self, field: &str) -> Place {
        self.value(field).map_or(self.call.at, |value| value.at)
    }

    pub(super) fn needed(&self, field: &'static str) -> Result<&'a Value, Problem> {
        self.value(field)
            .ok_or_else(|| Problem::new(self.call.at, ExpressionProblem::Missing { field }))
    }

    /// Reads a field, `None` if it is left out.
    pub(super) fn read<T>(
        &self,
        field: &str,
        read: impl FnOnce(&'a Value) -> Result<T, Problem>,
    ) -> Result<Option<T>, Problem> {
        self.value(field).map(read).transpose()
    }

    pub(super) fn u8(&self, field: &str) -> Result<Option<u8>, Problem> {
        self.read(field, u8)
    }

    pub(super) fn u16(&self, field: &str) -> Result<Option<u16>, Problem> {
        self.read(field, u16)
    }

    pub(super) fn u32(&self, field: &str) -> Result<Option<u32>, Problem> {
        self.read(field, u32)
    }

    /// Reads a field of less than 8 bits.
    pub(super) fn bits(&self, field: &str, most: u8) -> Result<Option<u8>, Problem> {
        let value = self.read(field, |value| number(value, u64::from(most)))?;
        Ok(value.map(|value| value.to_le_bytes()[0]))
    }

    pub(super) fn bytes(&self, field: &str) -> Result<Vec<u8>, Problem> {
        Ok(self.read(field, bytes)?.unwrap_or_default())
    }

    pub(super) fn v4s(&self, field: &str) -> Result<Vec<Ipv4Addr>, Problem> {
        self.list(field).iter().map(v4).collect()
    }

    pub(super) fn v6s(&self, field: &str) -> Result<Vec<Ipv6Addr>, Problem> {
        self.list(field).iter().map(v6).collect()
    }

    /// Returns the values of a list; a single value is a list of one.
    pub(super) fn list(&self, field: &str) -> &'a [Value] {
        match self.value(field) {
            None => &[],
            Some(Value {
                kind: ValueKind::List(values),
                ..
            }) => values,
            Some(value) => core::slice::from_ref(value),
        }
    }
}

/// Reads a number, decimal or hexadecimal behind `0x`.
pub(super) fn number(value: &Value, most: u64) -> Result<u64, Problem> {
    let ValueKind::Word(word) = &value.kind else {
        return Err(Problem::expected(value.at, "a number"));
    };
    let (digits, radix) = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (word.as_str(), 10),
    };
    if digits.is_empty() || !digits.chars().all(|it| it.is_digit(radix)) {
        return Err(Problem::expected(value.at, "a number, such as 80 or 0x50"));
    }
    // What does not even fit the type is too great as well.
    match u64::from_str_radix(digits, radix) {
        Ok(number) if number <= most => Ok(number),
        _ => Err(Problem::new(value.at, ExpressionProblem::TooGreat { most })),
    }
}

/// Reads a number of a range that does not start at zero.
pub(super) fn number_from(value: &Value, range: RangeInclusive<u64>) -> Result<u64, Problem> {
    let found = number(value, *range.end())?;
    if found < *range.start() {
        let least = *range.start();
        return Err(Problem::new(
            value.at,
            ExpressionProblem::TooSmall { least },
        ));
    }
    Ok(found)
}

pub(super) fn u8(value: &Value) -> Result<u8, Problem> {
    number(value, u64::from(u8::MAX)).map(|number| number.to_le_bytes()[0])
}

pub(super) fn u16(value: &Value) -> Result<u16, Problem> {
    let [low, high, ..] = number(value, u64::from(u16::MAX))?.to_le_bytes();
    Ok(u16::from_le_bytes([low, high]))
}

pub(super) fn u32(value: &Value) -> Result<u32, Problem> {
    let [a, b, c, d, ..] = number(value, u64::from(u32::MAX))?.to_le_bytes();
    Ok(u32::from_le_bytes([a, b, c, d]))
}

/// Reads a number, or a name that its registry knows.
pub(super) fn named<T: FromStr + From<u8>>(value: &Value) -> Result<T, Problem> {
    match word(value) {
        Some(word) if !word.starts_with(|it: char| it.is_ascii_digit()) => word
            .parse()
            .map_err(|_| Problem::expected(value.at, "a number or a registered name")),
        _ => u8(value).map(T::from),
    }
}

/// Reads the congestion mark: a number, or its name.
pub(super) fn ecn(value: &Value) -> Result<Ecn, Problem> {
    match word(value) {
        Some(word) if !word.starts_with(|it: char| it.is_ascii_digit()) => word
            .parse()
            .map_err(|_| Problem::expected(value.at, "0 to 3, not-ect, ect0, ect1 or ce")),
        _ => number(value, 3).map(|bits| Ecn::from_traffic_class(bits.to_le_bytes()[0])),
    }
}

/// Reads flags: a number, names with `+` or `|` between, or, where all names have one letter, letters.
pub(super) fn flags(value: &Value, names: &[(&'static str, u64)]) -> Result<u64, Problem> {
    let most = names.iter().fold(0, |bits, (_, bit)| bits | bit);
    let ValueKind::Word(word) = &value.kind else {
        return Err(Problem::expected(value.at, "flags"));
    };
    if word.starts_with(|it: char| it.is_ascii_digit()) {
        return number(value, most);
    }
    let bit = |flag: &str| {
        let found = names
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(flag));
        found.map(|(_, bit)| *bit)
    };
    let unknown = || Problem::expected(value.at, "flags by their letters or names, or a number");
    let by_letter = names.iter().all(|(name, _)| name.len() == 1);
    let mut bits = 0;
    for flag in word.split(['+', '|']) {
        if by_letter {
            for letter in flag.chars() {
                bits |= bit(letter.encode_utf8(&mut [0; 4])).ok_or_else(unknown)?;
            }
        } else {
            bits |= bit(flag).ok_or_else(unknown)?;
        }
    }
    Ok(bits)
}

pub(super) fn v4(value: &Value) -> Result<Ipv4Addr, Problem> {
    word(value)
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| Problem::expected(value.at, "an IPv4 address"))
}

pub(super) fn v6(value: &Value) -> Result<Ipv6Addr, Problem> {
    word(value)
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| Problem::expected(value.at, "an IPv6 address"))
}

/// Reads an address of either version.
pub(super) fn address(value: &Value) -> Result<IpAddr, Problem> {
    word(value)
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| Problem::expected(value.at, "an IP address"))
}

/// Reads a hardware address, pairs of digits with `:` or `-` between.
pub(super) fn mac(value: &Value) -> Result<Vec<u8>, Problem> {
    let pair = |pair: &str| match pair.as_bytes() {
        [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
        _ => None,
    };
    word(value)
        .and_then(|word| word.split([':', '-']).map(pair).collect())
        .ok_or_else(|| Problem::expected(value.at, "a hardware address, such as 02:00:00:00:00:01"))
}

fn word(value: &Value) -> Option<&str> {
    match &value.kind {
        ValueKind::Word(word) => Some(word),
        _ => None,
    }
}

/// Reads bytes: a text, or one of the calls that make some.
pub(super) fn bytes(value: &Value) -> Result<Vec<u8>, Problem> {
    match &value.kind {
        ValueKind::Text(bytes) => Ok(bytes.clone()),
        ValueKind::Call(call) if is_payload(&call.name) => payload(call),
        _ => Err(Problem::expected(value.at, "bytes: a \"text\" or hex(..)")),
    }
}

/// The calls that make bytes.
pub(super) const PAYLOADS: [&str; 4] = [HEX, "zeros", "repeat", "raw"];

pub(super) fn is_payload(name: &str) -> bool {
    PAYLOADS.contains(&name)
}

/// Makes the bytes that a call stands for.
pub(super) fn payload(call: &Call) -> Result<Vec<u8>, Problem> {
    match call.name.as_str() {
        HEX => Ok(digits(call)),
        "raw" => bytes(Arguments::new(call, &["load"])?.needed("load")?),
        "zeros" => {
            let arguments = Arguments::new(call, &["count"])?;
            repeated(arguments.needed("count")?, 0)
        }
        _ => {
            let arguments = Arguments::new(call, &["count", "byte"])?;
            repeated(
                arguments.needed("count")?,
                arguments.u8("byte")?.unwrap_or(0),
            )
        }
    }
}

fn repeated(count: &Value, byte: u8) -> Result<Vec<u8>, Problem> {
    let count = usize::from(u16(count)?);
    Ok(alloc::vec![byte; count])
}

fn digits(call: &Call) -> Vec<u8> {
    let digits = call.arguments.first().and_then(|it| word(&it.value));
    let (pairs, _) = digits.unwrap_or_default().as_bytes().as_chunks::<2>();
    let pair = |[high, low]: &[u8; 2]| Some(nibble(*high)? << 4 | nibble(*low)?);
    pairs.iter().filter_map(pair).collect()
}
