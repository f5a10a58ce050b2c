use super::*;

fn base() -> Url {
    Url::parse("https://example.com/dir/page").unwrap()
}

fn text(html: &str) -> String {
    Page::parse(html).unwrap().text(&base()).unwrap()
}

#[test]
fn a_page_becomes_text_with_numbered_links() {
    let html = "<!doctype html><html><head><title> The\n Title </title><style>p{}</style></head><body>\
        <nav><a href=/home>Home</a></nav><h1>Head</h1><p>Some <b>bold</b> words and <a href=\"../a?b#c\">a link</a>, <a href=#top>a place</a> and <a href=\"javascript:x()\">a trick</a>.</p>\
        <script>alert(1)</script><ul><li>one<li>two</ul><p hidden>secret</p></body></html>";
    let page = Page::parse(html).unwrap();
    assert_eq!(page.title(), "The Title");
    insta::assert_snapshot!(page.text(&base()).unwrap(), @r"
    # Head

    Some bold words and [a link][1], a place and a trick.
    * one
    * two

    [1]: https://example.com/a?b#c
    ");
}

#[test]
fn a_table_keeps_the_order_of_its_cells() {
    insta::assert_snapshot!(text("<table><tr><th>Name<th>Age<tr><td>Ann<td>41</table>"), @r"
    Name Age
    Ann  41
    ");
}

#[test]
fn what_a_reader_would_not_see_is_left_out() {
    let html = "<p>seen</p><p hidden>no1</p><div aria-hidden=true>no2</div><template>no3</template><noscript>no4</noscript>\
        <!-- no5 --><iframe srcdoc='no6'>no7</iframe><svg><text>no8</text></svg>";
    let text = text(html);
    assert_eq!(text.trim(), "seen");
}

#[test]
fn pages_made_to_exhaust_a_reader_end_soon() {
    let time = Duration::from_millis(150);
    for bomb in [
        "<div>".repeat(400_000),
        "<blockquote>".repeat(100_000) + "x",
        "<table><tr><td>".repeat(50_000) + "x",
        "<ul><li>".repeat(50_000) + "x",
        "<b><p>".repeat(20_000) + "x",
        "<table><tr><td colspan=1000000000 rowspan=1000000000>x<td>y</table>".to_owned(),
        format!("<ol start=9223372036854775807>{}</ol>", "<li>x".repeat(1_000)),
        "<a href=x>".repeat(50_000) + "x",
        format!("<p>{}", "x".repeat(1_000_000)),
        "&amp;".repeat(50_000),
    ] {
        let begun = Instant::now();
        let shown = Page::parse_within(&bomb, time).and_then(|page| page.text(&base()));
        match shown {
            Ok(text) => assert!(text.len() < 4_000_000, "{bomb:.20} became {} bytes", text.len()),
            Err(error) => assert_eq!(error.message(), TOO_LONG, "{bomb:.20}"),
        }
        assert!(begun.elapsed() < time * 40, "{bomb:.20} took {:?}", begun.elapsed());
    }
}

#[test]
fn what_is_too_deep_is_left_out_and_the_rest_is_shown() {
    let html = format!("<p>before</p>{}deep{}<p>after</p>", "<div>".repeat(500), "</div>".repeat(500));
    let text = text(&html);
    assert!(text.contains("before") && text.contains("after") && !text.contains("deep"), "{text}");
}

#[test]
fn elements_are_found_by_class_and_read() {
    let page = Page::parse("<div class='a b'><a class=c href='/x?y=1&amp;z=2'>One <b>two</b></a></div>").unwrap();
    let outer = page.elements().find(|node| has_class(node, "b")).unwrap();
    let link = below(&outer).find(|node| has_class(node, "c")).unwrap();
    assert_eq!((attribute(&link, "href").as_deref(), text_of(&link).as_str()), (Some("/x?y=1&z=2"), "One two"));
    assert!(!has_class(&outer, "a b") && attribute(&outer, "href").is_none());
}
