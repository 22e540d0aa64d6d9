//! What a LogQL expression says.

/// A whole expression or part of one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Log(LogQuery),
    Literal(f64),
    Range(Box<RangeAggregation>),
    Vector(Box<VectorAggregation>),
    Binary(Box<Binary>),
    LabelReplace(Box<LabelReplace>),
    /// `vector(0)`.
    Constant(f64),
}

/// A selector and what happens to its lines.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LogQuery {
    pub(super) selector: Vec<Matcher>,
    pub(super) stages: Vec<Stage>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matcher {
    pub(super) name: String,
    pub(super) operator: &'static str,
    pub(super) value: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    /// `|= "a"`, and what else may be in the line instead.
    Line {
        operator: &'static str,
        first: LineValue,
        others: Vec<LineValue>,
    },
    /// `json`, `logfmt`, `regexp`, `pattern`, `unpack` and `decolorize`, with their flags, their text and the
    /// labels that they extract.
    Parser {
        name: &'static str,
        flags: Vec<String>,
        text: Option<String>,
        extracted: Vec<(String, String)>,
    },
    Filter(LabelFilter),
    LineFormat(String),
    LabelFormat(Vec<(String, LabelValue)>),
    /// `drop` and `keep`: labels, perhaps only where they have a certain value.
    Labels {
        name: &'static str,
        labels: Vec<Chosen>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum LineValue {
    Text(String),
    Address(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum LabelValue {
    Renamed(String),
    Template(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Chosen {
    Name(String),
    Matching(Matcher),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum LabelFilter {
    Text(Matcher),
    Address(Matcher),
    Number { name: String, operator: &'static str, value: Quantity },
    Both(Box<LabelFilter>, Box<LabelFilter>),
    Either(Box<LabelFilter>, Box<LabelFilter>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Quantity {
    Number(f64),
    /// Nanoseconds.
    Duration(i64),
    /// Bytes.
    Size(u64),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unwrap {
    pub(super) conversion: Option<&'static str>,
    pub(super) label: String,
    pub(super) filters: Vec<LabelFilter>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct LogRange {
    pub(super) query: LogQuery,
    pub(super) unwrap: Option<Unwrap>,
    /// Milliseconds.
    pub(super) range: u64,
    /// Nanoseconds.
    pub(super) offset: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grouping {
    pub(super) keyword: &'static str,
    pub(super) labels: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct RangeAggregation {
    pub(super) operation: &'static str,
    pub(super) parameter: Option<f64>,
    pub(super) range: LogRange,
    pub(super) grouping: Option<Grouping>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct VectorAggregation {
    pub(super) operation: &'static str,
    pub(super) parameter: Option<f64>,
    pub(super) inner: Expr,
    pub(super) grouping: Option<Grouping>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Binary {
    pub(super) left: Expr,
    pub(super) operator: &'static str,
    pub(super) returns_bool: bool,
    /// `on` or `ignoring`.
    pub(super) matching: Option<Grouping>,
    /// `group_left` or `group_right`.
    pub(super) group: Option<Grouping>,
    pub(super) right: Expr,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct LabelReplace {
    pub(super) inner: Expr,
    /// Destination, replacement, source and pattern.
    pub(super) texts: [String; 4],
}

impl Expr {
    /// Adds matchers to every selector that doesn't name their label.
    pub(super) fn narrow_down(&mut self, matchers: &[(&String, &String)]) {
        match self {
            Self::Log(query) => query.narrow_down(matchers),
            Self::Literal(_) | Self::Constant(_) => {}
            Self::Range(aggregation) => aggregation.range.query.narrow_down(matchers),
            Self::Vector(aggregation) => aggregation.inner.narrow_down(matchers),
            Self::Binary(binary) => {
                binary.left.narrow_down(matchers);
                binary.right.narrow_down(matchers);
            }
            Self::LabelReplace(replace) => replace.inner.narrow_down(matchers),
        }
    }
}

impl LogQuery {
    fn narrow_down(&mut self, matchers: &[(&String, &String)]) {
        let own = self.selector.len();
        for (name, value) in matchers {
            if !self.selector[..own].iter().any(|matcher| matcher.name == **name) {
                let (name, value) = ((*name).clone(), (*value).clone());
                self.selector.push(Matcher { name, operator: "=", value });
            }
        }
    }
}
