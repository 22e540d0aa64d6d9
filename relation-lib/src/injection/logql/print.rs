use std::fmt::{Display, Formatter, Result};

use super::literal::{duration_text, number_text, size_text};
use super::tree::{
    Binary, Chosen, Expr, Grouping, LabelFilter, LabelReplace, LabelValue, LineValue, LogQuery,
    LogRange, Matcher, Quantity, RangeAggregation, Stage, Unwrap, VectorAggregation,
};
use crate::injection::go::{self, quote};

/// Writes a list with something between its items.
fn joined<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    between: &str,
    mut write: impl FnMut(&mut Formatter<'_>, &T) -> Result,
) -> Result {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            f.write_str(between)?;
        }
        write(f, item)?;
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Log(query) => query.fmt(f),
            Self::Literal(value) => f.write_str(&number_text(*value)),
            Self::Range(aggregation) => aggregation.fmt(f),
            Self::Vector(aggregation) => aggregation.fmt(f),
            Self::Binary(binary) => binary.fmt(f),
            Self::LabelReplace(replace) => replace.fmt(f),
            Self::Constant(value) => write!(f, "vector({})", number_text(*value)),
        }
    }
}

impl Display for LogQuery {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("{")?;
        joined(f, &self.selector, ", ", |f, matcher| matcher.fmt(f))?;
        f.write_str("}")?;
        self.stages.iter().try_for_each(|stage| write!(f, " {stage}"))
    }
}

impl Display for Matcher {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}{}{}", self.name, self.operator, quote(&self.value))
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Line { operator, first, others } => {
                write!(f, "{operator} {first}")?;
                others.iter().try_for_each(|other| write!(f, " or {other}"))
            }
            Self::Parser { name, flags, text, extracted } => {
                write!(f, "| {name}")?;
                flags.iter().try_for_each(|flag| write!(f, " --{flag}"))?;
                if let Some(text) = text {
                    write!(f, " {}", quote(text))?;
                }
                if !extracted.is_empty() {
                    f.write_str(" ")?;
                }
                joined(f, extracted, ",", |f, (label, from)| write!(f, "{label}={}", quote(from)))
            }
            Self::Filter(filter) => write!(f, "| {filter}"),
            Self::LineFormat(template) => write!(f, "| line_format {}", quote(template)),
            Self::LabelFormat(labels) => {
                f.write_str("| label_format ")?;
                joined(f, labels, ",", |f, (label, value)| match value {
                    LabelValue::Renamed(from) => write!(f, "{label}={from}"),
                    LabelValue::Template(template) => write!(f, "{label}={}", quote(template)),
                })
            }
            Self::Labels { name, labels } => {
                write!(f, "| {name} ")?;
                joined(f, labels, ",", |f, chosen| match chosen {
                    Chosen::Name(name) => f.write_str(name),
                    Chosen::Matching(matcher) => matcher.fmt(f),
                })
            }
        }
    }
}

impl Display for LineValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Text(text) => f.write_str(&quote(text)),
            Self::Address(pattern) => write!(f, "ip({})", quote(pattern)),
        }
    }
}

impl Display for LabelFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Text(matcher) => matcher.fmt(f),
            Self::Address(matcher) => {
                write!(f, "{}{}ip({})", matcher.name, matcher.operator, quote(&matcher.value))
            }
            Self::Number { name, operator, value } => write!(f, "{name}{operator}{value}"),
            Self::Both(left, right) => write!(f, "( {left} , {right} )"),
            Self::Either(left, right) => write!(f, "( {left} or {right} )"),
        }
    }
}

impl Display for Quantity {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&match self {
            Self::Number(value) => go::number_text(*value),
            Self::Duration(nanoseconds) => duration_text(*nanoseconds),
            Self::Size(bytes) => size_text(*bytes),
        })
    }
}

impl Display for Unwrap {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.conversion {
            Some(conversion) => write!(f, " | unwrap {conversion}({})", self.label)?,
            None => write!(f, " | unwrap {}", self.label)?,
        }
        self.filters.iter().try_for_each(|filter| write!(f, " | {filter}"))
    }
}

impl Display for LogRange {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.query.fmt(f)?;
        if let Some(unwrap) = &self.unwrap {
            unwrap.fmt(f)?;
        }
        write!(f, "[{}]", go::prometheus_duration_text(self.range))?;
        match self.offset {
            Some(offset) => write!(f, " offset {}", duration_text(offset)),
            None => Ok(()),
        }
    }
}

impl Display for Grouping {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, " {}({})", self.keyword, self.labels.join(","))
    }
}

impl Display for RangeAggregation {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}(", self.operation)?;
        if let Some(parameter) = self.parameter {
            write!(f, "{},", go::number_text(parameter))?;
        }
        write!(f, "{})", self.range)?;
        self.grouping.as_ref().map_or(Ok(()), |grouping| grouping.fmt(f))
    }
}

impl Display for VectorAggregation {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.operation)?;
        if let Some(grouping) = &self.grouping
            && !(grouping.keyword == "by" && grouping.labels.is_empty())
        {
            grouping.fmt(f)?;
        }
        f.write_str("(")?;
        if let Some(parameter) = self.parameter {
            write!(f, "{},", go::number_text(parameter))?;
        }
        write!(f, "{})", self.inner)
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "({} {}", self.left, self.operator)?;
        if self.returns_bool {
            f.write_str(" bool")?;
        }
        if let Some(matching) = &self.matching
            && !(matching.keyword == "ignoring"
                && matching.labels.is_empty()
                && self.group.is_none())
        {
            write!(f, " {} ({}) ", matching.keyword, matching.labels.join(","))?;
            if let Some(group) = &self.group {
                f.write_str(group.keyword)?;
                // Parentheses after a bare clause would be taken for its labels.
                if !group.labels.is_empty() || matches!(self.right, Expr::Binary(_)) {
                    write!(f, " ({})", group.labels.join(","))?;
                }
            }
        }
        write!(f, " {})", self.right)
    }
}

impl Display for LabelReplace {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "label_replace({}", self.inner)?;
        self.texts.iter().try_for_each(|text| write!(f, ",{}", quote(text)))?;
        f.write_str(")")
    }
}
