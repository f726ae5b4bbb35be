//! The report as a whole: it follows from its seed.

use scale::params::Params;
use scale::report::{Measured, Page, pages, parameters};
use scale::study::study;

fn report(params: &Params) -> Vec<Page> {
    study(params, |_| {}).map_or_else(Vec::new, |study| pages(&study, &Measured { main_seconds: 1, all_seconds: 1 }))
}

#[test]
fn one_seed_gives_one_report() {
    let params = Params { sample_users: 10, users: 40, flood_senders: 50, ..Params::small() };
    let pages = report(&params);
    assert_eq!(pages, report(&params));
    let page = &pages[0];
    assert_eq!(page.path, "scale.md");
    assert!(page.text.contains(&parameters(&params)));
    for plot in &pages[1..] {
        assert!(page.text.contains(&format!("]({})", plot.path)), "{}", plot.path);
        assert!(plot.text.starts_with("<svg") && plot.text.ends_with("</svg>\n") && !plot.text.contains("NaN"), "{}", plot.text);
    }
}
