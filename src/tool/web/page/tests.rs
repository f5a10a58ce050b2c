use super::*;

fn text(html: &str) -> String {
    Page::parse(html).unwrap().text().unwrap()
}

#[test]
fn a_page_becomes_text_with_numbered_links() {
    let html = "<!doctype html><html><head><title> The\n Title </title><style>p{}</style></head><body>\
        <nav><a href=/home>Home</a></nav><h1>Head</h1><p>Some <b>bold</b> words and <a href=\"https://example.com/a\">a link</a>.</p>\
        <script>alert(1)</script><ul><li>one<li>two</ul><p hidden>secret</p></body></html>";
    let page = Page::parse(html).unwrap();
    assert_eq!(page.title(), "The Title");
    insta::assert_snapshot!(page.text().unwrap(), @"");
}

#[test]
fn a_table_keeps_the_order_of_its_cells() {
    insta::assert_snapshot!(text("<table><tr><th>Name<th>Age<tr><td>Ann<td>41</table>"), @"");
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
    let started = Instant::now();
    let bombs = [
        "<div>".repeat(400_000),
        "<blockquote>".repeat(100_000) + "x",
        "<table><tr><td>".repeat(50_000) + "x",
        "<ul><li>".repeat(50_000) + "x",
        "<b><p>".repeat(100_000) + "x",
        "<table><tr><td colspan=1000000000 rowspan=1000000000>x<td>y</table>".to_owned(),
        format!("<ol start=9223372036854775807>{}</ol>", "<li>x".repeat(1_000)),
        "<a href=x>".repeat(100_000) + "x",
        format!("<p>{}", "x".repeat(2_000_000)),
        "&amp;".repeat(400_000),
    ];
    for bomb in &bombs {
        let begun = Instant::now();
        if let Ok(page) = Page::parse(bomb) {
            page.title();
            let shown = page.text().map(|text| text.len());
            assert!(shown.as_ref().is_ok_and(|length| *length < 8_000_000), "{:.20}: {shown:?}", bomb);
        }
        assert!(begun.elapsed() < MAX_TIME * 4, "{:.20} took {:?}", bomb, begun.elapsed());
    }
    assert!(started.elapsed() < MAX_TIME * 10);
}

#[test]
fn elements_are_found_by_class_and_read() {
    let page = Page::parse("<div class='a b'><a class=c href='/x?y=1&amp;z=2'>One <b>two</b></a></div>").unwrap();
    let outer = page.elements().find(|node| has_class(node, "b")).unwrap();
    let link = below(&outer).find(|node| has_class(node, "c")).unwrap();
    assert_eq!((attribute(&link, "href").as_deref(), text_of(&link).as_str()), (Some("/x?y=1&z=2"), "One two"));
    assert!(!has_class(&outer, "a b") && attribute(&outer, "href").is_none());
}
