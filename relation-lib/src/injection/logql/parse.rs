use super::pipeline;
use super::scan::{Token, scan};
use super::tree::{
    Binary, Expr, Grouping, LabelReplace, LogQuery, LogRange, RangeAggregation, VectorAggregation,
};
use crate::injection::{InjectError, regexp};

/// Parentheses and operators nested deeper than this are refused.
const DEPTH_LIMIT: usize = 150;

/// Aggregations over a range: their name; whether they need an unwrapped label, may have one or must not;
/// whether they can be grouped.
const RANGE_OPERATIONS: [(&str, Unwrapping, bool); 15] = [
    ("rate", Unwrapping::Optional, false),
    ("rate_counter", Unwrapping::Needed, false),
    ("count_over_time", Unwrapping::Refused, false),
    ("bytes_rate", Unwrapping::Refused, false),
    ("bytes_over_time", Unwrapping::Refused, false),
    ("absent_over_time", Unwrapping::Optional, false),
    ("sum_over_time", Unwrapping::Needed, false),
    ("avg_over_time", Unwrapping::Needed, true),
    ("max_over_time", Unwrapping::Needed, true),
    ("min_over_time", Unwrapping::Needed, true),
    ("first_over_time", Unwrapping::Needed, true),
    ("last_over_time", Unwrapping::Needed, true),
    ("stddev_over_time", Unwrapping::Needed, true),
    ("stdvar_over_time", Unwrapping::Needed, true),
    (QUANTILE, Unwrapping::Needed, true),
];

const QUANTILE: &str = "quantile_over_time";

const VECTOR_OPERATIONS: [&str; 12] = [
    "sum",
    "avg",
    "max",
    "min",
    "count",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "approx_topk",
    "sort",
    "sort_desc",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unwrapping {
    Needed,
    Optional,
    Refused,
}

/// Words that cannot be names.
const RESERVED: [&str; 19] = [
    "by",
    "without",
    "bool",
    "and",
    "or",
    "unless",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "offset",
    "json",
    "regexp",
    "logfmt",
    "unpack",
    "pattern",
    "line_format",
    "label_format",
    "unwrap",
];

/// Reads an expression.
pub(super) fn parse(expression: &str) -> Result<Expr, InjectError> {
    let mut parser = Parser { tokens: scan(expression)?, at: 0 };
    let whole = parser.binary(0, 0)?;
    if parser.at < parser.tokens.len() { Err(parser.unexpected("the end")) } else { Ok(whole) }
}

pub(super) struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
}

impl Parser {
    pub(super) fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|(_, token)| token)
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.peek(0).cloned();
        self.at += 1;
        token
    }

    pub(super) fn is_next(&self, ahead: usize, symbol: &str) -> bool {
        matches!(self.peek(ahead), Some(Token::Symbol(next)) if *next == symbol)
    }

    pub(super) fn take(&mut self, symbol: &str) -> bool {
        let found = self.is_next(0, symbol);
        self.at += usize::from(found);
        found
    }

    /// Takes one of several symbols.
    pub(super) fn take_any(&mut self, symbols: &[&'static str]) -> Option<&'static str> {
        symbols.iter().copied().find(|symbol| self.take(symbol))
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Result<(), InjectError> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    /// The keyword that comes next, in lower case.
    pub(super) fn keyword(&self, ahead: usize) -> Option<String> {
        match self.peek(ahead) {
            Some(Token::Word(word)) => Some(word.to_lowercase()),
            _ => None,
        }
    }

    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.keyword(0).as_deref() == Some(keyword);
        self.at += usize::from(found);
        found
    }

    pub(super) fn unexpected(&self, expected: &str) -> InjectError {
        let end = self.tokens.last().map_or(0, |(at, _)| at + 1);
        let at = self.tokens.get(self.at).map_or(end, |(at, _)| *at);
        InjectError::at(at, format!("expected {expected}"))
    }

    pub(super) fn name(&mut self) -> Result<String, InjectError> {
        match self.peek(0) {
            Some(Token::Word(word)) if !RESERVED.contains(&word.to_lowercase().as_str()) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, InjectError> {
        match self.peek(0).cloned() {
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.unexpected("a string")),
        }
    }

    fn number(&mut self) -> Result<f64, InjectError> {
        match self.peek(0) {
            Some(Token::Number(value)) => {
                let value = *value;
                self.at += 1;
                Ok(value)
            }
            _ => Err(self.unexpected("a number")),
        }
    }

    /// A binary operation of at least a certain precedence.
    fn binary(&mut self, least: u8, depth: usize) -> Result<Expr, InjectError> {
        let mut left = self.operand(depth)?;
        let mut operations = 0;
        while let Some((operator, precedence)) =
            self.operator().filter(|(_, precedence)| *precedence >= least)
        {
            operations += 1;
            if depth + operations > DEPTH_LIMIT * 2 {
                return Err(InjectError::TooDeep);
            }
            self.at += 1;
            let returns_bool = self.take_keyword("bool");
            let (matching, group) = self.matching()?;
            // Powers bind to the right.
            let next = if operator == "^" { precedence } else { precedence + 1 };
            let right = self.binary(next, depth + 1)?;
            left =
                self.operation(Binary { left, operator, returns_bool, matching, group, right })?;
        }
        Ok(left)
    }

    fn operator(&self) -> Option<(&'static str, u8)> {
        const OPERATORS: [(&str, u8); 15] = [
            ("or", 1),
            ("and", 2),
            ("unless", 2),
            ("==", 3),
            ("!=", 3),
            (">=", 3),
            ("<=", 3),
            (">", 3),
            ("<", 3),
            ("+", 4),
            ("-", 4),
            ("*", 5),
            ("/", 5),
            ("%", 5),
            ("^", 6),
        ];
        let written = match self.peek(0)? {
            Token::Symbol(symbol) => (*symbol).to_owned(),
            Token::Word(word) => word.to_lowercase(),
            _ => return None,
        };
        OPERATORS.into_iter().find(|(operator, _)| *operator == written)
    }

    /// `on (…)` or `ignoring (…)`, and a clause `group_left` or `group_right`.
    fn matching(&mut self) -> Result<(Option<Grouping>, Option<Grouping>), InjectError> {
        let Some(keyword) = self.take_keyword_of(&["on", "ignoring"]) else {
            return Ok((None, None));
        };
        let matching = Grouping { keyword, labels: self.label_list()? };
        let group = match self.take_keyword_of(&["group_left", "group_right"]) {
            Some(keyword) if self.is_next(0, "(") => {
                Some(Grouping { keyword, labels: self.label_list()? })
            }
            Some(keyword) => Some(Grouping { keyword, labels: Vec::new() }),
            None => None,
        };
        Ok((Some(matching), group))
    }

    pub(super) fn take_keyword_of(&mut self, keywords: &[&'static str]) -> Option<&'static str> {
        keywords.iter().copied().find(|keyword| self.take_keyword(keyword))
    }

    fn label_list(&mut self) -> Result<Vec<String>, InjectError> {
        self.expect("(")?;
        let mut labels = Vec::new();
        while !self.take(")") {
            if !labels.is_empty() {
                self.expect(",")?;
            }
            labels.push(self.name()?);
        }
        Ok(labels)
    }

    fn operation(&self, binary: Binary) -> Result<Expr, InjectError> {
        let is_set = matches!(binary.operator, "and" | "or" | "unless");
        for side in [&binary.left, &binary.right] {
            match side {
                Expr::Log(_) => {
                    return Err(InjectError::syntax("a log query has no values to compute with"));
                }
                Expr::Literal(_) if is_set => {
                    return Err(InjectError::syntax("a number is no set of series"));
                }
                _ => {}
            }
        }
        if let (Expr::Literal(left), Expr::Literal(right)) = (&binary.left, &binary.right)
            && let Some(value) = computed(*left, binary.operator, *right)
        {
            return Ok(Expr::Literal(value));
        }
        Ok(Expr::Binary(Box::new(binary)))
    }

    fn operand(&mut self, depth: usize) -> Result<Expr, InjectError> {
        if depth > DEPTH_LIMIT {
            return Err(InjectError::TooDeep);
        }
        match self.peek(0) {
            Some(Token::Symbol("(")) => {
                self.at += 1;
                let inner = self.binary(0, depth + 1)?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(Token::Symbol("{")) => Ok(Expr::Log(self.log_query()?)),
            Some(Token::Symbol(sign @ ("+" | "-"))) => {
                let negative = *sign == "-";
                self.at += 1;
                let value = self.number()?;
                Ok(Expr::Literal(if negative { -value } else { value }))
            }
            Some(Token::Number(_)) => Ok(Expr::Literal(self.number()?)),
            Some(Token::Word(word)) => {
                let function = word.to_lowercase();
                self.at += 1;
                self.function(&function, depth)
            }
            _ => Err(self.unexpected("an expression")),
        }
    }

    fn log_query(&mut self) -> Result<LogQuery, InjectError> {
        let selector = pipeline::selector(self)?;
        let stages = pipeline::stages(self)?;
        Ok(LogQuery { selector, stages })
    }

    fn function(&mut self, function: &str, depth: usize) -> Result<Expr, InjectError> {
        if let Some((operation, unwrapping, groups)) =
            RANGE_OPERATIONS.into_iter().find(|(operation, ..)| *operation == function)
        {
            return self.range_aggregation(operation, unwrapping, groups, depth);
        }
        if let Some(operation) =
            VECTOR_OPERATIONS.into_iter().find(|operation| *operation == function)
        {
            return self.vector_aggregation(operation, depth);
        }
        match function {
            "label_replace" => self.label_replace(depth),
            "vector" => {
                self.expect("(")?;
                let value = self.number()?;
                self.expect(")")?;
                Ok(Expr::Constant(value))
            }
            _ => {
                self.at -= 1;
                Err(self.unexpected("an expression"))
            }
        }
    }

    fn parameter(&mut self) -> Result<Option<f64>, InjectError> {
        if matches!(self.peek(0), Some(Token::Number(_))) && self.is_next(1, ",") {
            let value = self.number()?;
            self.at += 1;
            return Ok(Some(value));
        }
        Ok(None)
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, InjectError> {
        match self.take_keyword_of(&["by", "without"]) {
            Some(keyword) => Ok(Some(Grouping { keyword, labels: self.label_list()? })),
            None => Ok(None),
        }
    }

    fn range_aggregation(
        &mut self,
        operation: &'static str,
        unwrapping: Unwrapping,
        groups: bool,
        depth: usize,
    ) -> Result<Expr, InjectError> {
        self.expect("(")?;
        let parameter = self.parameter()?;
        if parameter.is_some() != (operation == QUANTILE) {
            return Err(self.unexpected("a number as the parameter of a quantile, and only there"));
        }
        let range = self.log_range(depth + 1)?;
        self.expect(")")?;
        let grouping = self.grouping()?;
        let refused = match unwrapping {
            Unwrapping::Needed if range.unwrap.is_none() => Some("needs `unwrap`"),
            Unwrapping::Refused if range.unwrap.is_some() => {
                Some("counts lines, so it takes no `unwrap`")
            }
            _ if grouping.is_some() && !groups => Some("cannot be grouped"),
            _ => None,
        };
        match refused {
            Some(reason) => Err(InjectError::Syntax(format!("`{operation}` {reason}"))),
            None => Ok(Expr::Range(Box::new(RangeAggregation {
                operation,
                parameter,
                range,
                grouping,
            }))),
        }
    }

    /// A log query with a range, which may stand before or behind the pipeline.
    fn log_range(&mut self, depth: usize) -> Result<LogRange, InjectError> {
        if depth > DEPTH_LIMIT {
            return Err(InjectError::TooDeep);
        }
        let opened = self.take("(");
        if opened && self.is_next(0, "(") {
            let range = self.log_range(depth + 1)?;
            self.expect(")")?;
            return Ok(range);
        }
        let mut query = self.log_query()?;
        let mut unwrap = pipeline::unwrap(self)?;
        let closed_early = opened && self.take(")");
        let Some(Token::Range(range)) = self.peek(0).cloned() else {
            return Err(self.unexpected("a range such as `[5m]`"));
        };
        self.at += 1;
        let offset = self.offset()?;
        if query.stages.is_empty() && unwrap.is_none() && !closed_early {
            query.stages = pipeline::stages(self)?;
            unwrap = pipeline::unwrap(self)?;
        }
        if opened && !closed_early {
            self.expect(")")?;
        }
        Ok(LogRange { query, unwrap, range, offset })
    }

    fn offset(&mut self) -> Result<Option<i64>, InjectError> {
        if !self.take_keyword("offset") {
            return Ok(None);
        }
        let negative = self.take("-");
        match self.next() {
            Some(Token::Duration(nanoseconds)) => {
                Ok(Some(if negative { -nanoseconds } else { nanoseconds }))
            }
            _ => {
                self.at -= 1;
                Err(self.unexpected("a duration"))
            }
        }
    }

    fn vector_aggregation(
        &mut self,
        operation: &'static str,
        depth: usize,
    ) -> Result<Expr, InjectError> {
        let before = self.grouping()?;
        self.expect("(")?;
        let parameter = self.parameter()?;
        let takes_parameter = matches!(operation, "topk" | "bottomk" | "approx_topk");
        if parameter.is_some() != takes_parameter
            || parameter.is_some_and(|value| value.fract() != 0.0)
        {
            return Err(self.unexpected(
                "a whole number as the parameter of `topk` or `bottomk`, and only there",
            ));
        }
        let inner = self.metric(depth)?;
        self.expect(")")?;
        let grouping = match before {
            Some(before) => Some(before),
            None => self.grouping()?,
        };
        Ok(Expr::Vector(Box::new(VectorAggregation { operation, parameter, inner, grouping })))
    }

    fn metric(&mut self, depth: usize) -> Result<Expr, InjectError> {
        match self.binary(0, depth + 1)? {
            Expr::Log(_) => Err(InjectError::syntax("a log query has no values to aggregate")),
            metric => Ok(metric),
        }
    }

    fn label_replace(&mut self, depth: usize) -> Result<Expr, InjectError> {
        self.expect("(")?;
        let inner = self.metric(depth)?;
        let mut texts = <[String; 4]>::default();
        for text in &mut texts {
            self.expect(",")?;
            *text = self.text()?;
        }
        self.expect(")")?;
        regexp::check(&texts[3]).map_err(InjectError::syntax)?;
        Ok(Expr::LabelReplace(Box::new(LabelReplace { inner, texts })))
    }
}

/// What a server would compute, where the result can be written as a number.
fn computed(left: f64, operator: &str, right: f64) -> Option<f64> {
    let truth = |truth: bool| if truth { 1.0 } else { 0.0 };
    let value = match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" if right != 0.0 => left / right,
        "%" if right != 0.0 => left % right,
        "^" => left.powf(right),
        "==" => truth(left == right),
        "!=" => truth(left != right),
        ">" => truth(left > right),
        "<" => truth(left < right),
        ">=" => truth(left >= right),
        "<=" => truth(left <= right),
        _ => return None,
    };
    value.is_finite().then_some(value)
}
