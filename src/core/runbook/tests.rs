use proptest::prelude::*;

use super::*;
use crate::directory::Directory;

const TEXT: &str = "\
---
kind: runbook
title: Mail server down
owner: engineer-1
review: 2027-01-31
services: mail, mail-2
words: [mail down, \"Postfach\"]
---
## Detection
Nobody gets mail.

## Contacts
- Provider: see the contract

## Recovery steps
1. Look at the queue.
   It should be short.
2. [ ] Restart it. {action: restart-mail}
```
3. not a step
```
## Verification
- Send a mail to yourself.

## History
- nothing
";

fn line_of(text: &str) -> Vec<(usize, String)> {
    read(text).unwrap_err().into_iter().map(|fault| (fault.line, fault.what)).collect()
}

#[test]
fn a_runbook_is_read() {
    let read = read(TEXT).unwrap();
    assert_eq!((read.kind, read.title.as_str()), (Kind::Runbook, "Mail server down"));
    assert_eq!(read.owner, Some("engineer-1".into()));
    assert_eq!(read.detection, "Nobody gets mail.");
    assert_eq!(read.contacts, "- Provider: see the contract");
    assert_eq!(read.rule.words, ["mail down", "Postfach"]);
    let steps: Vec<(u32, Part, &str)> =
        read.steps.iter().map(|step| (step.number, step.part, step.text.as_str())).collect();
    assert_eq!(steps[0], (1, Part::Recovery, "Look at the queue.\nIt should be short."));
    assert_eq!(steps[1], (2, Part::Recovery, "Restart it.\n```\n3. not a step\n```"));
    assert_eq!(steps[2], (3, Part::Verification, "Send a mail to yourself."));
    assert_eq!(steps.len(), 3);
    assert_eq!(read.steps[1].action, Some("restart-mail".into()));
    let day = |text: &str| text.parse::<Date>().unwrap();
    assert!(!read.is_overdue(day("2027-01-31")) && read.is_overdue(day("2027-02-01")));
}

#[test]
fn german_headings_and_no_front_matter_do() {
    let text = "# Platte voll\n\n## Erkennung\nx\n## Wiederherstellung\n- Aufräumen\n## Prüfung\n- Platz ist da\n";
    let read = read(text).unwrap();
    assert_eq!((read.kind, read.title.as_str(), read.steps.len()), (Kind::Runbook, "Platte voll", 2));
    let article = super::read("# Umgebung von Acme\nZwei Server.\n").unwrap();
    assert_eq!((article.kind, article.steps.len()), (Kind::Article, 0));
}

#[test]
fn mistakes_are_told_with_their_line() {
    assert_eq!(
        line_of("---\ntitle: x\nkind: book\nreview: soon\ncolour: red\ntitle: y\nnonsense\nowner:\n---\n").len(),
        6
    );
    let faults = line_of("---\ntitle: x\nkind: book\nreview: soon\ncolour: red\ntitle: y\nnonsense\nowner:\n---\n");
    assert_eq!(faults.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5, 6, 7, 8]);
    assert_eq!(line_of("")[0].0, 1);
    assert_eq!(line_of("---\ntitle: x\n")[0], (1, "the front matter has no end; write a line `---` behind it".into()));
    let no_steps = line_of("---\ntitle: x\nkind: runbook\n---\n## Recovery\ntext\n");
    assert_eq!(no_steps, [(5, "a runbook needs a section `## Recovery` with a list of steps".to_owned())]);
    let bad = line_of("# x\n## Recovery\n-\n- a {action: b\n- c {action: }\n");
    assert_eq!(bad.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5]);
    let many = format!("# x\n## Recovery\n{}", "- a\n".repeat(STEPS_MAX + 1));
    assert_eq!(line_of(&many)[0].0, STEPS_MAX + 3);
    assert!(line_of(&"x".repeat(TEXT_MAX + 1))[0].1.contains("longer"));
    assert_eq!(line_of(&format!("\n# {}\n", "x".repeat(300)))[0].0, 2);
}

#[test]
fn names_that_are_not_configured_are_told() {
    let unknown = read(TEXT).unwrap().unknown_names(TEXT, &Directory::default());
    let told: Vec<(usize, &str)> = unknown.iter().map(|fault| (fault.line, fault.what.as_str())).collect();
    assert_eq!(told[0], (6, "there is no service `mail`"));
    assert!(told.contains(&(4, "there is no user `engineer-1`")));
    assert!(told.contains(&(18, "there is no action `restart-mail`")), "{told:?}");
}

#[test]
fn a_rule_needs_all_that_it_says() {
    let rule = read(TEXT).unwrap().rule;
    let mail = "mail".into();
    let about = |title| Subject { title, service: Some(&mail), ..Subject::default() };
    assert_eq!(fits(&rule, &about("Mail is slow, mail down")), Some(2));
    assert_eq!(fits(&rule, &about("Postfächer voll")), None, "another stem");
    assert_eq!(fits(&rule, &about("Sammelpostfach gestört")), Some(2), "within a compound");
    assert_eq!(fits(&rule, &about("Down goes the mail")), None, "not beside each other");
    assert_eq!(fits(&rule, &Subject { title: "mail down", ..Subject::default() }), None);
    assert_eq!(fits(&Rule::default(), &about("mail down")), None, "a rule that says nothing fits nothing");
}

#[test]
fn what_is_a_customers_belongs_to_that_customer_only() {
    let text = |customer: &str| format!("---\ntitle: T {customer}\nwords: vpn\n{customer}\n---\n");
    let all: Vec<(u32, Document)> = ["customer: acme", "customer: harbour", ""]
        .iter()
        .zip(0..)
        .map(|(customer, n)| (n, read(&text(customer)).unwrap()))
        .collect();
    let (acme, harbour): (CustomerId, CustomerId) = ("acme".into(), "harbour".into());
    let found = |customer| {
        let subject = Subject { title: "VPN broken", customer, ..Subject::default() };
        matching(&all, &subject).into_iter().map(|(n, _)| *n).collect::<Vec<_>>()
    };
    assert_eq!(found(Some(&acme)), [2, 0]);
    assert_eq!(found(Some(&harbour)), [2, 1]);
    assert_eq!(found(None), [2]);
}

#[test]
fn words_are_found_in_either_spelling_and_form() {
    let text = "Störungen der Festplatten: disks are full, große Straße, re\u{301}sume\u{308}";
    let words = index(text);
    let found =
        |asked: &str| query(asked).iter().all(|word| words.split(' ').any(|one| one.starts_with(word.as_str())));
    for asked in ["stoerung", "Störung", "festplatte", "DISK", "disk full", "grosse strasse", "Straßen", "fest"] {
        assert!(found(asked), "{asked} in {words}");
    }
    for asked in ["vpn", "full vpn", "platte"] {
        assert!(!found(asked), "{asked}");
    }
    assert!(query(" -\u{0}* \"'").is_empty());
    assert!(query(&"wort ".repeat(100)).len() == 1 && query("a b c d e f g h i j").len() == 8);
    let asked = query("disk");
    assert!(rank(&asked, "Disk full", "") > rank(&asked, "Full", "disk disk disk"));
}

#[test]
fn a_comparison_names_what_changed() {
    let lines = diff("a\nb\nc\nd", "a\nc\nx\nd");
    assert_eq!(lines, [Line::Same("a"), Line::Removed("b"), Line::Same("c"), Line::Added("x"), Line::Same("d")]);
    assert_eq!(diff("", "a"), [Line::Added("a")]);
}

#[test]
fn markdown_becomes_blocks() {
    use crate::paper::Block;
    let blocks = blocks(
        "---\ntitle: x\n---\n# T\n## One\nA **word**\non two lines\n\n- a\n  b\n- c\n1. d\n2. see [the graph](https://x.example/a) and [this]\n```\n# code\n```\n> note\n",
    );
    let texts = ["a b", "c"].map(str::to_owned).to_vec();
    assert_eq!(
        blocks,
        [
            Block::Heading(1, "One".to_owned()),
            Block::Text("A word on two lines".to_owned()),
            Block::List(texts),
            Block::Numbered(vec!["d".to_owned(), "see the graph (https://x.example/a) and [this]".to_owned()]),
            Block::Note("# code".to_owned()),
            Block::Note("note".to_owned()),
        ]
    );
}

proptest! {
    #[test]
    fn no_text_breaks_it(text in "(?s)[-#>*`{}: \\n0-9a-zäÄ\u{308}]{0,200}") {
        let _ = read(&text);
        let _ = blocks(&text);
        let _ = index(&text);
    }

    #[test]
    fn a_comparison_holds_both(old in "[ab\\n]{0,40}", new in "[ab\\n]{0,40}") {
        let lines = diff(&old, &new);
        let of = |wanted: fn(&Line) -> Option<String>| lines.iter().filter_map(wanted).collect::<Vec<_>>();
        let olds = of(|line| match line { Line::Same(t) | Line::Removed(t) => Some((*t).to_owned()), Line::Added(_) => None });
        let news = of(|line| match line { Line::Same(t) | Line::Added(t) => Some((*t).to_owned()), Line::Removed(_) => None });
        prop_assert_eq!(olds, old.lines().map(str::to_owned).collect::<Vec<_>>());
        prop_assert_eq!(news, new.lines().map(str::to_owned).collect::<Vec<_>>());
    }
}
