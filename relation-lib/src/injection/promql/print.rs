use promql_parser::label::{Labels as TreeLabels, MatchOp};
use promql_parser::parser::{
    AggregateExpr, BinModifier, BinaryExpr, Expr, LabelModifier, VectorMatchCardinality,
    VectorSelector,
};

use super::is_plain_label;
use super::literal::{Literals, Scalar};
use crate::injection::{InjectError, go, regexp};
use crate::topology::Labels;

/// Prints a tree as Prometheus does, matchers added to its selectors.
pub(super) fn print(
    tree: &Expr,
    literals: Literals,
    matchers: &Labels,
) -> Result<String, InjectError> {
    let mut printer = Printer { out: String::new(), literals, matchers };
    printer.expression(tree)?;
    let left = &printer.literals;
    let all_met = left.ranges.is_empty()
        && left.offsets.is_empty()
        && left.instants.is_empty()
        && left.scalars.is_empty();
    if all_met { Ok(printer.out) } else { Err(out_of_step()) }
}

/// The tree and the literals do not go together. That would be a mistake of ours, and no expression is
/// known for which it happens; but a wrong expression must never come out.
fn out_of_step() -> InjectError {
    InjectError::syntax("the literals do not fit the tree")
}

struct Printer<'a> {
    out: String,
    literals: Literals,
    matchers: &'a Labels,
}

impl Printer<'_> {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn expression(&mut self, expression: &Expr) -> Result<(), InjectError> {
        match expression {
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Unary(unary) => {
                let sign = match self.literals.scalars.pop_front() {
                    Some(Scalar::Plus) => "+",
                    Some(Scalar::Minus) => "-",
                    _ => return Err(out_of_step()),
                };
                self.put(sign);
                self.expression(&unary.expr)
            }
            Expr::Binary(binary) => self.binary(binary),
            Expr::Paren(paren) => {
                self.put("(");
                self.expression(&paren.expr)?;
                self.put(")");
                Ok(())
            }
            Expr::Subquery(subquery) => {
                self.expression(&subquery.expr)?;
                self.range()?;
                self.modifiers(subquery.at.is_some(), subquery.offset.is_some())
            }
            Expr::NumberLiteral(_) => self.number(),
            Expr::StringLiteral(string) => {
                let quoted = go::quote(self.literals.string(&string.val));
                self.put(&quoted);
                Ok(())
            }
            Expr::VectorSelector(selector) => {
                self.selector(selector)?;
                self.modifiers(selector.at.is_some(), selector.offset.is_some())
            }
            Expr::MatrixSelector(matrix) => {
                self.selector(&matrix.vs)?;
                self.range()?;
                self.modifiers(matrix.vs.at.is_some(), matrix.vs.offset.is_some())
            }
            Expr::Call(call) => {
                self.put(call.func.name);
                self.put("(");
                for (position, argument) in call.args.args.iter().enumerate() {
                    if position > 0 {
                        self.put(", ");
                    }
                    self.expression(argument)?;
                }
                self.put(")");
                Ok(())
            }
            Expr::Extension(_) => Err(out_of_step()),
        }
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr) -> Result<(), InjectError> {
        self.put(&aggregate.op.to_string());
        match &aggregate.modifier {
            Some(LabelModifier::Include(labels)) if !labels.labels.is_empty() => {
                let list = self.label_list(labels);
                self.put(&format!(" by {list} "));
            }
            Some(LabelModifier::Exclude(labels)) => {
                let list = self.label_list(labels);
                self.put(&format!(" without {list} "));
            }
            Some(LabelModifier::Include(_)) | None => {}
        }
        self.put("(");
        if let Some(parameter) = &aggregate.param {
            self.expression(parameter)?;
            self.put(", ");
        }
        self.expression(&aggregate.expr)?;
        self.put(")");
        Ok(())
    }

    fn binary(&mut self, binary: &BinaryExpr) -> Result<(), InjectError> {
        self.expression(&binary.lhs)?;
        self.put(&format!(" {}", binary.op));
        if let Some(modifier) = &binary.modifier {
            self.matching(modifier);
        }
        self.put(" ");
        self.expression(&binary.rhs)
    }

    fn matching(&mut self, modifier: &BinModifier) {
        if modifier.return_bool {
            self.put(" bool");
        }
        let group = match &modifier.card {
            VectorMatchCardinality::ManyToOne(labels) => Some(("group_left", labels)),
            VectorMatchCardinality::OneToMany(labels) => Some(("group_right", labels)),
            VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => None,
        };
        match &modifier.matching {
            Some(LabelModifier::Include(labels)) => {
                let list = self.label_list(labels);
                self.put(&format!(" on {list}"));
            }
            // An empty one says something only if a group clause follows.
            Some(LabelModifier::Exclude(labels))
                if !labels.labels.is_empty() || group.is_some() =>
            {
                let list = self.label_list(labels);
                self.put(&format!(" ignoring {list}"));
            }
            Some(LabelModifier::Exclude(_)) | None => {}
        }
        if let Some((keyword, labels)) = group {
            let list = self.label_list(labels);
            self.put(&format!(" {keyword} {list}"));
        }
        let fill = &modifier.fill_values;
        let value = |value: f64| go::number_text(value);
        match (fill.lhs, fill.rhs) {
            (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
                self.put(&format!(" fill ({})", value(left)));
            }
            (left, right) => {
                if let Some(left) = left {
                    self.put(&format!(" fill_left ({})", value(left)));
                }
                if let Some(right) = right {
                    self.put(&format!(" fill_right ({})", value(right)));
                }
            }
        }
    }

    fn label_list(&self, labels: &TreeLabels) -> String {
        let written = labels.labels.iter().map(|label| {
            let label = self.literals.string(label);
            if is_plain_label(label) { label.to_owned() } else { go::quote(label) }
        });
        format!("({})", written.collect::<Vec<_>>().join(", "))
    }

    fn number(&mut self) -> Result<(), InjectError> {
        let mut negative = false;
        loop {
            let text = match self.literals.scalars.pop_front() {
                // The parser makes one number of signs and digits.
                Some(Scalar::Plus) => continue,
                Some(Scalar::Minus) => {
                    negative = !negative;
                    continue;
                }
                Some(Scalar::Number(value)) => {
                    go::number_text(if negative { -value } else { value })
                }
                Some(Scalar::Duration(milliseconds)) => {
                    let sign = if negative { "-" } else { "" };
                    format!("{sign}{}", go::prometheus_duration_text(milliseconds))
                }
                None => return Err(out_of_step()),
            };
            self.put(&text);
            return Ok(());
        }
    }

    fn range(&mut self) -> Result<(), InjectError> {
        let range = self.literals.ranges.pop_front().ok_or_else(out_of_step)?;
        self.put(&range);
        Ok(())
    }

    fn modifiers(&mut self, instant: bool, offset: bool) -> Result<(), InjectError> {
        if instant {
            let instant = self.literals.instants.pop_front().ok_or_else(out_of_step)?;
            self.put(&format!(" @ {instant}"));
        }
        if offset && let Some(offset) = self.literals.offsets.pop_front().ok_or_else(out_of_step)? {
            self.put(&format!(" offset {offset}"));
        }
        Ok(())
    }

    fn selector(&mut self, selector: &VectorSelector) -> Result<(), InjectError> {
        if !selector.matchers.or_matchers.is_empty() {
            return Err(InjectError::syntax("`or` between matchers is not PromQL"));
        }
        let mut names = Vec::new();
        let mut written = Vec::new();
        for matcher in &selector.matchers.matchers {
            let name = self.literals.string(&matcher.name);
            let value = self.literals.string(&matcher.value);
            if matches!(matcher.op, MatchOp::Re(_) | MatchOp::NotRe(_)) {
                regexp::check(value).map_err(|reason| {
                    InjectError::Syntax(format!("`{value}` is no regular expression: {reason}"))
                })?;
            }
            written.push(written_matcher(name, &matcher.op.to_string(), value));
            names.push(name);
        }
        for (name, value) in self.matchers {
            if !names.contains(&name.as_str()) {
                written.push(written_matcher(name, "=", value));
            }
        }
        written.sort();
        self.put(selector.name.as_deref().unwrap_or_default());
        if !written.is_empty() || selector.name.is_none() {
            self.put(&format!("{{{}}}", written.join(",")));
        }
        Ok(())
    }
}

fn written_matcher(name: &str, operator: &str, value: &str) -> String {
    let value = go::quote(value);
    if is_plain_label(name) {
        format!("{name}{operator}{value}")
    } else {
        format!("{}{operator}{value}", go::quote(name))
    }
}
