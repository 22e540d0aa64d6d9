//! What holds for every expression, made up or broken.

use proptest::prelude::*;
use relation_lib::injection::{self, InjectError, Language, fill_token};
use relation_lib::topology::Labels;

const INJECTED: &str = "zz_zz=\"injected\"";

fn strange() -> Labels {
    Labels::from_iter([("zz_zz".to_owned(), "injected".to_owned())])
}

/// An expression, and how many of its selectors don't name the label `zz_zz`.
#[derive(Debug, Clone)]
struct Made {
    text: String,
    open: usize,
}

fn leaf(text: impl Into<String>, open: usize) -> Made {
    Made { text: text.into(), open }
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9.:/ ]{0,8}", "[{}()\\[\\],|=~!#@$%'-]{1,6}", "\\PC{0,5}"]
        .prop_map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Matchers of a selector that is valid in both languages, and whether they name the label.
fn matchers() -> impl Strategy<Value = (String, bool)> {
    let label = prop::sample::select(&["shed", "row", "zz_zz", "zz_z", "offset_", "Color"][..]);
    let operator = prop::sample::select(&["=", "!=", "=~", "!~"][..]);
    let value = prop_oneof![Just("\"north\""), Just("\"a.+|b\""), Just("\"\""), Just("\".*\"")];
    prop::collection::vec((label, operator, value), 0..4).prop_map(|list| {
        let named = list.iter().any(|(label, ..)| *label == "zz_zz");
        let mut all = vec!["app=\"loom\"".to_owned()];
        all.extend(
            list.into_iter().map(|(label, operator, value)| format!("{label}{operator}{value}")),
        );
        (all.join(", "), named)
    })
}

fn duration() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["5m", "90s", "1h30m", "7d", "1500ms", "1w2d"][..])
}

fn operator() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "+",
            "-",
            "*",
            "/",
            "%",
            "^",
            "==",
            "!= bool",
            ">",
            "<= bool",
            "and",
            "or",
            "unless",
            "/ on (shed)",
            "* ignoring (row) group_left (owner)",
            "+ on () group_right ()",
            "and on (row)",
        ][..],
    )
}

fn both(left: &Made, operator: &str, right: &Made) -> Made {
    leaf(format!("{} {operator} {}", left.text, right.text), left.open + right.open)
}

/// Instant vectors of PromQL.
fn promql() -> impl Strategy<Value = Made> {
    let name = prop::sample::select(&["up", "loom:rate5m", "sum", "offset", "_x", "by"][..]);
    let modifier = prop_oneof![
        4 => Just(String::new()),
        1 => duration().prop_map(|offset| format!(" offset {offset}")),
        1 => duration().prop_map(|offset| format!(" @ 1.5e9 offset -{offset}")),
        1 => Just(" @ start()".to_owned()),
    ];
    let selector = prop_oneof![
        1 => name.clone().prop_map(|name| leaf(name, 1)),
        3 => (name, matchers()).prop_map(|(name, (matchers, named))| {
            leaf(format!("{name}{{{matchers}}}"), usize::from(!named))
        }),
        1 => matchers().prop_map(|(matchers, named)| leaf(format!("{{{matchers},}}"), usize::from(!named))),
    ];
    let vector = (selector.clone(), modifier.clone()).prop_map(|(selector, modifier)| {
        leaf(format!("{}{modifier}", selector.text), selector.open)
    });
    let function = prop::sample::select(&["rate", "increase", "changes", "absent_over_time"][..]);
    let ranged = (function, selector, duration(), modifier).prop_map(
        |(function, selector, range, modifier)| {
            leaf(format!("{function}({}[{range}]{modifier})", selector.text), selector.open)
        },
    );
    prop_oneof![vector, ranged].prop_recursive(4, 24, 3, |inner| {
        let aggregation = prop::sample::select(&["sum", "MAX", "count", "group"][..]);
        let clause = prop::sample::select(&["", " by (shed, row)", " without ()", " BY ()"][..]);
        prop_oneof![
            (inner.clone(), operator(), inner.clone())
                .prop_map(|(left, operator, right)| both(&left, operator, &right)),
            (
                inner.clone(),
                prop::sample::select(&["> 0x1F", "* -1e3", "^ 010", "- 2h", "== bool NaN"][..])
            )
                .prop_map(|(left, rest)| leaf(format!("({} {rest})", left.text), left.open)),
            inner.clone().prop_map(|made| leaf(format!("({})", made.text), made.open)),
            inner.clone().prop_map(|made| leaf(format!("-({})", made.text), made.open)),
            (aggregation, clause, inner.clone()).prop_map(|(name, clause, made)| leaf(
                format!("{name}({}){clause}", made.text),
                made.open
            )),
            inner
                .clone()
                .prop_map(|made| leaf(format!("topk by (row) (3, ({}))", made.text), made.open)),
            (inner.clone(), duration(), duration()).prop_map(|(made, range, step)| {
                leaf(format!("max_over_time(({})[{range}:{step}])", made.text), made.open)
            }),
            (inner, string()).prop_map(|(made, text)| {
                leaf(format!("label_replace({}, \"a\", {text}, 'b', `c`)", made.text), made.open)
            }),
        ]
    })
}

fn log_query() -> impl Strategy<Value = Made> {
    let stage = prop_oneof![
        string().prop_map(|text| format!("|= {text}")),
        (string(), string()).prop_map(|(one, other)| format!("!~ {one} or {other}")),
        Just("| json first=\"a.b\", second".to_owned()),
        Just("| logfmt --strict".to_owned()),
        string().prop_map(|text| format!("| line_format {text}")),
        string().prop_map(|text| format!("| label_format a=b,c={text}")),
        Just("| zz_zz=\"x\" and took > 1.5s or size <= 5KiB, a=1 b!=2".to_owned()),
        Just("| drop zz_zz, row=~\"3.*\"".to_owned()),
        Just("| peer=ip(\"10.0.0.0/8\") # not \"closed".to_owned() + "\n"),
    ];
    (matchers(), prop::collection::vec(stage, 0..4)).prop_map(|((matchers, named), stages)| {
        leaf(format!("{{{matchers}}} {}", stages.join(" ")), usize::from(!named))
    })
}

/// Metric expressions of LogQL.
fn logql() -> impl Strategy<Value = Made> {
    let function = prop::sample::select(&["rate", "count_over_time", "bytes_rate"][..]);
    let counted = (function, log_query(), duration()).prop_map(|(function, query, range)| {
        leaf(format!("{function}({} [{range}])", query.text), query.open)
    });
    let unwrapped = (log_query(), duration()).prop_map(|(query, range)| {
        let text = format!(
            "quantile_over_time(0.5, {} | unwrap duration(took) [{range}] offset 1d) by (row)",
            query.text
        );
        leaf(text, query.open)
    });
    prop_oneof![counted, unwrapped].prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), operator(), inner.clone())
                .prop_map(|(left, operator, right)| both(&left, operator, &right)),
            inner
                .clone()
                .prop_map(|made| leaf(format!("({} > 2 ^ 3 * 5000000)", made.text), made.open)),
            inner.clone().prop_map(|made| leaf(format!("({})", made.text), made.open)),
            inner
                .clone()
                .prop_map(|made| leaf(format!("sum without () ({})", made.text), made.open)),
            inner.prop_map(|made| leaf(format!("topk(0, {}) by (shed)", made.text), made.open)),
        ]
    })
}

fn holds(language: Language, made: &Made) -> Result<(), TestCaseError> {
    let injected = injection::inject(language, &made.text, &strange());
    if matches!(injected, Err(InjectError::TooLong { .. } | InjectError::TooDeep)) {
        return Ok(());
    }
    let injected =
        injected.map_err(|error| TestCaseError::fail(format!("{error}: {}", made.text)))?;
    prop_assert_eq!(injected.matches(INJECTED).count(), made.open, "{}", &injected);
    if language == Language::PromQl || injected.len() < 5000 {
        prop_assert_eq!(injection::inject(language, &injected, &strange()), Ok(injected.clone()));
    }
    let bare = injection::inject(language, &made.text, &Labels::new());
    let mut taken_out = injected;
    for (with, without) in [
        (format!(", {INJECTED}"), ""),
        (format!(",{INJECTED}"), ""),
        (format!("{{{INJECTED}}}"), ""),
        (format!("{{{INJECTED},"), "{"),
    ] {
        taken_out = taken_out.replace(&with, without);
    }
    prop_assert_eq!(Ok(taken_out), bare);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_promql_selector_carries_the_label(made in promql()) {
        holds(Language::PromQl, &made)?;
    }

    #[test]
    fn every_logql_selector_carries_the_label(made in prop_oneof![log_query(), logql()]) {
        holds(Language::LogQl, &made)?;
    }

    #[test]
    fn a_filled_token_leaves_an_expression(made in promql(), comma in prop::sample::select(&["", ",", " , ", ",,"][..])) {
        let token = format!("{{%%juju_topology%%{comma}app=");
        let text = made.text.replace("{app=", &token);
        let filled = fill_token(Language::PromQl, &text);
        // Without a comma there is nothing between token and matcher that could be missing in PromQL.
        prop_assert!(injection::check(Language::PromQl, &filled).is_ok(), "{}", filled);
    }

    #[test]
    fn a_filled_token_leaves_a_log_query(made in logql(), comma in prop::sample::select(&[",", " , ", ",,"][..])) {
        let text = made.text.replace("{app=", &format!("{{%%juju_topology%%{comma}app="));
        let filled = fill_token(Language::LogQl, &text);
        prop_assert!(filled.len() >= 5120 || injection::check(Language::LogQl, &filled).is_ok(), "{}", filled);
    }

    #[test]
    fn garbage_makes_no_panic(text in "\\PC{0,40}|[-a-z0-9_:{}()\\[\\]\"'`|=~!<>.,+*/%^@$#\\\\ \n]{0,60}") {
        for language in [Language::PromQl, Language::LogQl] {
            let _ = injection::inject(language, &text, &strange());
            let _ = fill_token(language, &text);
        }
    }

    #[test]
    fn a_broken_expression_makes_no_panic(made in prop_oneof![promql(), logql()], at in 0.0..1.0, patch in "[-a-z0-9{}()\\[\\]\"'`|=~!,@ ]{0,3}") {
        let characters: Vec<char> = made.text.chars().collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let at = (at * characters.len() as f64) as usize;
        let broken: String = characters[..at].iter().chain(patch.chars().collect::<Vec<_>>().iter()).chain(&characters[(at + 1).min(characters.len())..]).collect();
        for language in [Language::PromQl, Language::LogQl] {
            if let Ok(once) = injection::inject(language, &broken, &strange()) && once.len() < 5120 {
                prop_assert_eq!(injection::inject(language, &once, &strange()), Ok(once.clone()), "{}", broken);
            }
        }
    }
}

#[test]
fn deep_nesting_is_refused_or_followed() {
    for count in [100, 390, 2_000, 100_000] {
        for text in [
            format!("{}up{}", "(".repeat(count), ")".repeat(count)),
            format!("{}up", "-".repeat(count)),
            format!("up{}", " + up".repeat(count)),
            format!("up{}", " ^ up".repeat(count)),
            format!("up{}", " offset 5m".repeat(count)),
            format!("up{}", "[5m:]".repeat(count)),
            format!("{}up{}", "abs(".repeat(count), ")".repeat(count)),
            format!("up[{}5m{}]", "(".repeat(count), ")".repeat(count)),
            format!("up{{a=~\"{}x{}\"}}", "(".repeat(count), ")".repeat(count)),
            format!("{}1{}", "(".repeat(count), ")".repeat(count)),
            format!("1{}", "/0".repeat(count)),
            format!("{{a=\"b\"}} | {}x=1{}", "(".repeat(count), ")".repeat(count)),
            format!("{{a=\"b\"}} | x=1{}", " or x=1".repeat(count)),
            format!("{{a=\"b\"}}{}", "|=\"x\"".repeat(count)),
            format!("rate({}{{a=\"b\"}}[5m]{})", "(".repeat(count), ")".repeat(count)),
            "(".repeat(count),
            "{".repeat(count),
            "[".repeat(count),
        ] {
            for language in [Language::PromQl, Language::LogQl] {
                let _ = injection::inject(language, &text, &strange());
            }
        }
    }
    let nested = |count: usize| format!("{}up{}", "(".repeat(count), ")".repeat(count));
    assert!(injection::inject(Language::PromQl, &nested(300), &strange()).is_ok());
    assert_eq!(
        injection::inject(Language::PromQl, &nested(2_000), &strange()),
        Err(InjectError::TooDeep)
    );
}

#[test]
fn peculiarities_of_the_helper_are_not_ours() {
    let prom = |text: &str| injection::inject(Language::PromQl, text, &strange()).ok();
    let log = |text: &str| injection::inject(Language::LogQl, text, &strange()).ok();
    for (text, expected) in [
        // Names in quotes keep them.
        ("a * on (\"x.y\") b", Some("a{zz_zz=\"injected\"} * on (\"x.y\") b{zz_zz=\"injected\"}")),
        (
            "a / ignoring () group_left (c) b",
            Some("a{zz_zz=\"injected\"} / ignoring () group_left (c) b{zz_zz=\"injected\"}"),
        ),
        // Quotes in backticks are part of the text.
        ("a{b=`say \"hi\"`}", Some("a{b=\"say \\\"hi\\\"\",zz_zz=\"injected\"}")),
        // A rule has no variables.
        ("sum by ($x) (a)", None),
        ("a[$__interval]", None),
        ("a[-5m]", None),
        ("a{b c=\"d\"}", None),
        (
            "label_replace(a, \"b\", \"$1\", \"c\", \"d\")",
            Some("label_replace(a{zz_zz=\"injected\"}, \"b\", \"$1\", \"c\", \"d\")"),
        ),
        // Servers can be told to take these.
        ("limitk(3, a)", Some("limitk(3, a{zz_zz=\"injected\"})")),
        ("rate(a[5m * 2])", Some("rate(a{zz_zz=\"injected\"}[5m * 2])")),
        ("increase(a[300] smoothed)", Some("increase(a{zz_zz=\"injected\"}[5m] smoothed)")),
        ("a offset -(step() + 1m)", Some("a{zz_zz=\"injected\"} offset -(step() + 1m)")),
    ] {
        assert_eq!(prom(text).as_deref(), expected, "{text}");
    }
    for (text, expected) in [
        ("{größe=\"x\"}", Some("{größe=\"x\", zz_zz=\"injected\"}")),
        (
            "{a=\"b\"} |= \"c\" or ip(\"d\")",
            Some("{a=\"b\", zz_zz=\"injected\"} |= \"c\" or ip(\"d\")"),
        ),
        ("{a=\"b\"} | c > 5KiB", Some("{a=\"b\", zz_zz=\"injected\"} | c>5120B")),
        ("1 / 0", Some("(1 / 0)")),
        (
            "topk(0, rate({a=\"b\"}[5m])) without ()",
            Some("topk without()(0,rate({a=\"b\", zz_zz=\"injected\"}[5m]))"),
        ),
        (
            "{a=\"b\"} |= \"$c\" |= \"d=$e f\"",
            Some("{a=\"b\", zz_zz=\"injected\"} |= \"$c\" |= \"d=$e f\""),
        ),
        (
            "{a=\"b\"} | decolorize |> \"<_> c\"",
            Some("{a=\"b\", zz_zz=\"injected\"} | decolorize |> \"<_> c\""),
        ),
        ("{a=\"b\"} | keep=\"c\"", Some("{a=\"b\", zz_zz=\"injected\"} | keep=\"c\"")),
        (
            "rate({a=\"b\"}[5m] offset -1h) // c",
            Some("rate({a=\"b\", zz_zz=\"injected\"}[5m] offset -1h0m0s)"),
        ),
    ] {
        assert_eq!(log(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn matchers_are_values_whatever_is_in_them() {
    let labels = Labels::from_iter([("m".to_owned(), " a,b=\"c\"\\ ".to_owned())]);
    let injected = injection::inject(Language::PromQl, "up", &labels);
    assert_eq!(injected.as_deref(), Ok("up{m=\" a,b=\\\"c\\\"\\\\ \"}"));
}
