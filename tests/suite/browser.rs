//! The page in a real browser: Debian's chromium, driven through chromedriver.
//!
//! Screenshots of every section are left in the folder `TASADOR_SCREENSHOTS`, or under `target/screenshots`: by day and by night, on a desk
//! and on a phone, in both languages. axe-core reads the page as assistive software does and finds
//! nothing serious. Without browser or axe-core the tests are skipped and say so.

mod accessibility;
mod check;
mod driver;
mod entries;
mod foreign_page;
mod live;
mod mlflow_pages;
mod performance;
mod tables;

use serde_json::{Value, json};
use tasador_access::Scope;
use tasador_registry::OutcomeKind;
use tasador_runtime::Config;
use tasador_testing::listings::Batch;
use tests::world::World;

use driver::{Browser, DESK, PHONE};

/// Sections as their addresses name them.
const SECTIONS: [&str; 6] = [
    "appraise",
    "history",
    "models",
    "performance",
    "data",
    "operations",
];

/// A world in which a first model was promoted, a batch was skipped, a challenger lost, and a batch is held.
async fn told_world() -> World {
    run_demo(World::new(changed).await).await
}

fn changed(config: &mut Config) {
    config.candidates = vec![tasador_ids::Algorithm::Boosting];
    config.gate.volume_growth_share = 0.05;
}

async fn run_demo(world: World) -> World {
    let first = world.deliver(&Batch::new(1, 1_200)).await;
    assert_eq!(first.kind(), OutcomeKind::Promoted, "{}", first.reasons());
    let skipped = world.deliver(&Batch::new(2, 12)).await;
    assert_eq!(
        skipped.kind(),
        OutcomeKind::Skipped,
        "{}",
        skipped.reasons()
    );
    let rejected = world.deliver(&Batch::new(3, 150)).await;
    assert_eq!(
        rejected.kind(),
        OutcomeKind::Rejected,
        "{}",
        rejected.reasons()
    );
    let held = world
        .deliver(&Batch::new(4, 150).scale("price", 0.001))
        .await;
    assert_eq!(held.kind(), OutcomeKind::Quarantined, "{}", held.reasons());
    world
}

/// The same sales with a column that says much about the price.
fn with_garage(seed: u64, rows: usize) -> Batch {
    let spaces = |row: usize| row * 7 % 5;
    Batch::new(seed, rows)
        .with("garage_spaces", move |row, _| json!(spaces(row)))
        .with("price", move |row, listing| {
            let price = listing["price"].as_f64().unwrap_or(300_000.0);
            json!(price + 150_000.0 * spaces(row) as f64)
        })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_is_appraised_and_the_form_follows_the_champion() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = told_world().await;
    let page = browser.open(&world, "/").await;
    assert_eq!(page.count("#in-garage_spaces").await, 0);
    for field in ["bed", "bath", "house_size", "acre_lot", "zip_code", "city"] {
        assert_eq!(page.count(&format!("#in-{field}")).await, 1, "{field}");
    }

    page.fill("#in-bed", "4").await;
    page.fill("#in-house_size", "2400").await;
    page.click("#home button[type=submit]").await;
    page.wait_for("#price .figure").await;
    let price = page.text("#price .figure").await;
    assert!(price.starts_with('$') && price.len() >= 8, "{price}");
    let sentence = page.text("#price .sentence").await;
    assert!(sentence.starts_with("90% likely range: $"), "{sentence}");
    assert!(page.count("svg.waterfall rect").await >= 5);
    let living_area = page.text("svg.waterfall").await;
    assert!(living_area.contains("2,400 sq ft"), "{living_area}");

    // Comparable sales are there when somebody asks for them.
    assert_eq!(page.count("#comparables").await, 0);
    page.click("#result a[href*='comparables=1']").await;
    page.wait_for("#comparables tbody tr").await;
    assert_eq!(page.count("#comparables tbody tr").await, 5);
    assert_eq!(page.text("#price .figure").await, price);
    let differences = page.text("#comparables").await;
    assert!(
        differences.contains(" instead of 2,400 sq ft"),
        "{differences}"
    );

    // What was not used as it was given is said, with what was used instead.
    assert_eq!(
        page.count("#price .warnings [href$='#in-house_size']")
            .await,
        0
    );
    let grade = page.text("#price .grade").await;
    assert!(
        grade.starts_with("Confidence ") && grade.contains("two thirds"),
        "{grade}"
    );
    page.go(&world, "/?in.bed=4&in.house_size=99000&in.city=Atlantis")
        .await;
    page.wait_for("#price .warnings [href$='#in-house_size']")
        .await;
    let warnings = page.text("#price .warnings").await;
    for part in [
        "Living area: 99,000 sq ft is outside the range of the training data. Priced as ",
        "City: the training data has no “Atlantis”",
    ] {
        assert!(warnings.contains(part), "{part} in {warnings}");
    }
    page.screenshot("appraise-warnings").await;
    // The page of the request says the same.
    let request = page
        .script(
            "return document.querySelector('#price a[href^=\"?request=\"]').getAttribute('href')",
        )
        .await;
    let request = format!("/{}", request.as_str().unwrap());
    let kept = world.asked(reqwest::Method::GET, &request, None, &[]).await;
    assert!(
        kept.text
            .contains("is outside the range of the training data")
    );
    page.go(&world, "/").await;
    page.fill("#in-bed", "4").await;
    page.fill("#in-house_size", "2400").await;
    page.click("#home button[type=submit]").await;
    page.wait_for("#price .figure").await;

    // A slider moves the price without a reload.
    page.slide("#if-house_size", 1_200.0).await;
    page.wait_for("#price .delta").await;
    assert_ne!(page.text("#price .figure").await, price);
    // The price stays in sight while a slider moves, on a desk and on a phone.
    for size in [DESK, PHONE] {
        let page = browser.look(size, false).await;
        page.script("document.querySelector('#what-if .slider:last-of-type').scrollIntoView({block: 'end'})")
            .await;
        let is_visible = page
            .script(
                "const box = document.querySelector('#now').getBoundingClientRect(); \
                 const top = document.querySelector('.top').getBoundingClientRect().bottom; \
                 return box.top >= top - 1 && box.bottom <= innerHeight",
            )
            .await;
        assert_eq!(is_visible, json!(true), "{size:?}");
        assert_eq!(
            page.text("#now strong").await,
            page.text("#price .figure").await
        );
    }
    browser.look(DESK, false).await;

    // The API gives the same price, and both are in the log.
    let home = json!({"bed": "4", "house_size": "2400"});
    let (status, _) = world.price(&home).await;
    assert_eq!(status, 200);

    let promoted = world.deliver(&with_garage(4, 4_000)).await;
    assert_eq!(
        promoted.kind(),
        OutcomeKind::Promoted,
        "{}",
        promoted.reasons()
    );
    page.load_until(&world, "/", "#in-garage_spaces").await;
    page.fill("#in-garage_spaces", "3").await;
    page.click("#home button[type=submit]").await;
    page.wait_for("#price .figure").await;
    assert!(
        page.text("svg.waterfall")
            .await
            .contains("Garage spaces: 3")
    );
    page.screenshot("appraise-new-column").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_tells_each_decision_with_its_reasons() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = told_world().await;
    let page = browser.open(&world, "/?section=history").await;
    for (kind, badge, why) in [
        ("promoted", "Promoted", "is now in production"),
        (
            "rejected",
            "Kept current model",
            "was trained but not promoted",
        ),
        ("skipped", "Skipped", "at least 50 required"),
        (
            "quarantined",
            "Quarantined",
            "suspected factor: 1,000 (thousands)",
        ),
    ] {
        let row = page.text(&format!("tr[data-kind={kind}]")).await;
        assert!(row.contains(badge) && row.contains(why), "{row}");
    }
    page.click("tr[data-kind=rejected] summary").await;
    let details = page.text("tr[data-kind=rejected] details").await;
    assert!(
        details.contains("Challenger") && details.contains("Champion"),
        "{details}"
    );
    // Why it trained and why it was not adopted are two lists, and no reason is told twice.
    let row = page.text("tr[data-kind=rejected] .what").await;
    assert!(
        row.contains("Why it trained") && row.contains("Why it was not adopted"),
        "{row}"
    );
    let reasons = page
        .script(
            "return [...document.querySelectorAll('tr[data-kind=rejected] .reasons li')].map(it => it.innerText)",
        )
        .await;
    for reason in reasons.as_array().unwrap() {
        let reason = reason
            .as_str()
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(row.matches(&reason).count(), 1, "{reason} in {row}");
    }
    page.screenshot("history-details").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_decides_about_batches() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = told_world().await;
    let page = browser.open(&world, "/?lang=es&section=history").await;
    page.click("tr[data-kind=quarantined] button[data-address$='/discard']")
        .await;
    let dialog = page.text("#move").await;
    for part in ["¿Descartar?", "Lote", "Ningún conjunto de datos", "Motivo"] {
        assert!(dialog.contains(part), "{part} in {dialog}");
    }
    page.fill("#move-reason", "Precios en miles").await;
    page.screenshot("history-dialog").await;
    page.click("#move button[value=confirm]").await;
    page.wait_for("tr[data-kind=quarantined] .badge.withdrawn")
        .await;
    let row = page.text("tr[data-kind=quarantined]").await;
    assert!(
        row.contains("Descartado por local") && row.contains("Precios en miles"),
        "{row}"
    );
    // What was learned from is withdrawn, and released again.
    for (action, badge) in [("withdraw", "Withdrawn by"), ("release", "Released by")] {
        page.go(&world, "/?lang=en&section=history").await;
        page.click(&format!(
            "tr[data-kind=rejected] button[data-address$='/{action}']"
        ))
        .await;
        page.click("#move button[value=confirm]").await;
        let row = format!(
            "tr[data-kind=rejected]:has(.badge.withdrawn):not(:has(button[data-address$='/{action}']))"
        );
        page.wait_for(&row).await;
        let row = page.text(&row).await;
        assert!(row.contains(badge), "{row}");
        world.cloud().executions().idle().await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_promotes_and_rolls_back() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = told_world().await;
    let model = world.context().config.model.clone();
    let page = browser.open(&world, "/?section=models").await;
    assert_eq!(page.text(".champion h2").await, "Version 1 In production");
    page.click("button[data-address$='/versions/2/promote']")
        .await;
    // It lost its comparison: the dialog says so, and a click alone changes nothing.
    let dialog = page.text("#move").await;
    for part in [
        "It replaces Version 1",
        "Average error",
        "did not promote it",
        "required",
    ] {
        assert!(dialog.contains(part), "{part} in {dialog}");
    }
    page.fill("#move-reason", "The market says so").await;
    for wrong in ["", "1"] {
        page.fill("#move-number", wrong).await;
        page.click("#move button[value=confirm]").await;
        assert_eq!(page.count("#move-number:invalid").await, 1, "{wrong}");
    }
    page.fill("#move-number", "2").await;
    page.screenshot("models-dialog").await;
    page.click("#move button[value=confirm]").await;
    page.wait_for("button[data-address$='/rollback']").await;
    assert_eq!(page.text(".champion h2").await, "Version 2 In production");
    page.click("button[data-address$='/rollback']").await;
    page.click("#move button[value=confirm]").await;
    page.wait_for(".timeline .back").await;
    assert_eq!(page.text(".champion h2").await, "Version 1 In production");
    let timeline = page.text(".timeline").await;
    assert!(timeline.contains("The market says so"), "{timeline}");
    let champion = world.context().registry.champion(&model).await.unwrap();
    assert_eq!(champion.unwrap().promotion.0, 3);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_token_signs_in_and_does_what_it_allows() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = run_demo(World::guarded(changed).await).await;
    let page = browser.open(&world, "/").await;
    assert_eq!(page.count("main > section").await, 1);
    for (name, size, night, language) in [
        ("desk-day-en", DESK, false, "en"),
        ("phone-night-es", PHONE, true, "es"),
    ] {
        let page = browser.look(size, night).await;
        page.go(&world, &format!("/?lang={language}")).await;
        page.screenshot(&format!("sign-in-{name}")).await;
        accessibility::check(&page, &format!("sign in {name}")).await;
    }
    browser.look(DESK, false).await;

    page.go(&world, "/?lang=en").await;
    page.fill("#token", "tsd_nonsense").await;
    page.click("#sign-in button").await;
    page.wait_for("#token-hint[role=alert]").await;
    assert!(
        page.text("#token-hint")
            .await
            .contains("invalid, expired or revoked")
    );
    accessibility::check(&page, "sign in refused").await;

    let reader = world.token(&[Scope::Read, Scope::Predict]).await;
    page.fill("#token", &reader).await;
    page.click("#sign-in button").await;
    page.wait_for(".sign-out button").await;
    assert_eq!(page.count("button[data-address]").await, 0);
    // What scripts could get at holds no token.
    assert_eq!(page.script("return document.cookie").await, json!(""));
    page.fill("#in-bed", "4").await;
    page.click("#home button[type=submit]").await;
    page.wait_for("#price .figure").await;
    for (name, size, night) in [("desk", DESK, false), ("phone", PHONE, true)] {
        let page = browser.look(size, night).await;
        page.go(&world, "/?section=models").await;
        page.screenshot(&format!("signed-in-{name}")).await;
        let wide = page
            .script("return document.documentElement.scrollWidth - innerWidth")
            .await;
        assert!(
            wide.as_i64().unwrap() <= 0,
            "{name} is {wide} pixels too wide"
        );
        accessibility::check(&page, &format!("signed in, {name}")).await;
    }
    browser.look(DESK, false).await;
    page.go(&world, "/").await;
    page.click(".sign-out button").await;
    page.wait_for("#sign-in").await;

    page.fill("#token", &world.token(&[Scope::Predict]).await)
        .await;
    page.click("#sign-in button").await;
    page.wait_for(".sign-out button").await;
    page.go(&world, "/?section=history").await;
    assert!(page.text("#history").await.contains("does not allow this"));
    accessibility::check(&page, "not allowed").await;
    page.click(".sign-out button").await;
    page.wait_for("#sign-in").await;

    page.fill("#token", &world.token(&[Scope::Admin]).await)
        .await;
    page.click("#sign-in button").await;
    page.wait_for(".sign-out button").await;
    page.go(&world, "/?section=models").await;
    page.click("button[data-address$='/versions/2/promote']")
        .await;
    page.fill("#move-number", "2").await;
    page.click("#move button[value=confirm]").await;
    page.wait_for("button[data-address$='/rollback']").await;
    assert_eq!(page.text(".champion h2").await, "Version 2 In production");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_section_is_clear_by_day_and_night_on_desk_and_phone_in_both_languages() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = told_world().await;
    let looks = [
        ("desk-day-en", DESK, false, "en"),
        ("desk-night-es", DESK, true, "es"),
        ("phone-day-es", PHONE, false, "es"),
        ("phone-night-en", PHONE, true, "en"),
    ];
    let home = "in.bed=3&in.bath=2&in.house_size=1800&in.city=Boston&in.zip_code=02108";
    let all = entries::reached(&world, &format!("/?{home}")).await;
    let pages = ["?run=", "?batch=", "?dataset=", "?version=", "?request="]
        .map(|kind| &entries::of_kind(&all, kind).0);
    for (name, size, night, language) in looks {
        let page = browser.look(size, night).await;
        for section in SECTIONS {
            page.go(
                &world,
                &format!("/?lang={language}&{home}&section={section}"),
            )
            .await;
            page.screenshot(&format!("{section}-{name}")).await;
            let wide = page
                .script("return document.documentElement.scrollWidth - innerWidth")
                .await;
            assert!(
                wide.as_i64().unwrap() <= 0,
                "{section} {name} is {wide} pixels too wide"
            );
            let language = page.script("return document.documentElement.lang").await;
            assert_eq!(language, name.rsplit('-').next().unwrap());
            accessibility::check(&page, &format!("{section} {name}")).await;
        }
        let comparables = format!("/?lang={language}&{home}&comparables=1");
        page.go(&world, &comparables).await;
        assert_eq!(page.count("#comparables tbody tr").await, 5, "{name}");
        page.script("document.querySelector('#comparables').scrollIntoView()")
            .await;
        page.screenshot(&format!("comparables-{name}")).await;
        let wide = page
            .script("return document.documentElement.scrollWidth - innerWidth")
            .await;
        assert!(wide.as_i64().unwrap() <= 0, "comparables {name}: {wide}");
        accessibility::check(&page, &format!("comparables {name}")).await;
        for path in pages {
            let kind = path.trim_start_matches("/?").split('=').next().unwrap();
            page.go(&world, &format!("{path}&lang={language}")).await;
            page.script(
                "document.querySelectorAll('#entry details').forEach(it => it.open = true)",
            )
            .await;
            page.screenshot(&format!("{kind}-{name}")).await;
            let wide = page
                .script("return document.documentElement.scrollWidth - innerWidth")
                .await;
            assert!(
                wide.as_i64().unwrap() <= 0,
                "{kind} {name} is {wide} pixels too wide"
            );
            accessibility::check(&page, &format!("{kind} {name}")).await;
        }
    }
    let background = browser
        .look(DESK, true)
        .await
        .script("return getComputedStyle(document.body).backgroundColor")
        .await;
    assert_eq!(background, "rgb(19, 21, 20)");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sections_have_addresses_and_older_anchors_lead_to_them() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = told_world().await;
    let page = browser.open(&world, "/?lang=en").await;
    let address = "return location.pathname + location.search + location.hash";
    for section in ["models", "operations"] {
        page.click(&format!("header nav a[data-section={section}]"))
            .await;
        page.wait_for(&format!("#{section}")).await;
        let expected = format!("/?section={section}");
        assert_eq!(page.script(address).await, json!(expected));
        assert_eq!(page.count("main > section").await, 1);
    }
    page.script("history.back()").await;
    page.wait_for("#models").await;
    page.script("history.back()").await;
    page.wait_for("#appraise").await;

    // Links of before: sections were anchors of one page.
    for old in ["/#history", "/?lang=es#history", "/?in.bed=3#history"] {
        page.go(&world, old).await;
        page.wait_for("#history").await;
        assert_eq!(page.script(address).await, json!("/?section=history"));
    }
    page.go(&world, "/?kind=rejected#history").await;
    page.wait_for("#history tr[data-kind=rejected]").await;
    assert_eq!(page.count("#history tr[data-kind]").await, 1);

    // On a phone the current section is in sight.
    let page = browser.look(PHONE, false).await;
    for section in SECTIONS {
        page.go(&world, &format!("/?section={section}")).await;
        let is_visible = page
            .script(
                "const box = document.querySelector('header nav [aria-current]').getBoundingClientRect(); \
                 return box.left >= 0 && box.right <= innerWidth",
            )
            .await;
        assert_eq!(is_visible, json!(true), "{section}");
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_without_a_model_says_what_comes() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = World::new(|_| ()).await;
    let page = browser.open(&world, "/").await;
    assert!(
        page.text("#appraise")
            .await
            .contains("No model is in production yet")
    );
    page.go(&world, "/?section=performance").await;
    let performance = page.text("#performance").await;
    for part in [
        "No priced home has been sold yet",
        "POST /outcomes",
        "outcomes/",
        "sold",
    ] {
        assert!(performance.contains(part), "{part} in {performance}");
    }
    for section in SECTIONS {
        page.go(&world, &format!("/?section={section}")).await;
        page.screenshot(&format!("empty-{section}")).await;
        accessibility::check(&page, &format!("empty {section}")).await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_read_and_used_without_a_script_and_keeps_to_itself() {
    let world = told_world().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let base = &world.cloud().endpoints().http;
    let ask = async |path: &str, language: &str| {
        let request = client
            .get(format!("{base}{path}"))
            .header("accept-language", language);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let headers = answer.headers().clone();
        (headers, answer.text().await.unwrap())
    };
    let (headers, page) = ask("/?in.bed=3&in.city=%3Cscript%3Ealert(1)%3C/script%3E", "fr").await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(!page.contains("<script>") && page.contains("&lt;script&gt;alert(1)"));
    assert!(
        page.contains("class=\"figure\""),
        "a price is there without a script"
    );
    assert!(
        !page.contains("style=\"") && !page.contains("onclick"),
        "nothing is inline"
    );
    // Plain links lead from section to section, and each shows nothing but itself.
    for section in SECTIONS {
        let address = match section {
            "appraise" => "./".to_owned(),
            other => format!("./?section={other}"),
        };
        assert!(
            page.contains(&format!("<a href=\"{address}\"")),
            "{section}"
        );
        let path = address.trim_start_matches('.');
        let (_, shown) = ask(path, "en").await;
        let found: Vec<&str> = shown
            .split("<section id=\"")
            .skip(1)
            .filter_map(|part| part.split('"').next())
            .collect();
        assert_eq!(found, [section]);
        let marked = format!("data-section=\"{section}\" aria-current=\"page\"");
        assert!(shown.contains(&marked), "{section}");
        // The same section in the other language.
        let other = if section == "appraise" {
            "?lang=es\"".to_owned()
        } else {
            format!("?lang=es&amp;section={section}\"")
        };
        assert!(shown.contains(&other), "{section}");
    }
    let (headers, spanish) = ask("/", "es-CO,es;q=0.9,en;q=0.5").await;
    assert_eq!(headers["content-language"], "es");
    assert!(spanish.contains("<html lang=\"es\">") && spanish.contains("Tasar esta vivienda"));
    let (_, spanish) = ask("/?section=history", "es").await;
    assert!(
        spanish.contains("pasó a producción"),
        "decisions are told in Spanish"
    );
    let (_, wrong) = ask("/?in.bed=many", "en").await;
    assert!(wrong.contains("could not be priced") && wrong.contains("aria-invalid=\"true\""));
    // Each price asked for through the page is in the log.
    let records = world.inferences().await;
    let priced: Vec<&Value> = records.iter().map(|record| &record.input).collect();
    assert!(priced.iter().any(|input| input["bed"] == "3"), "{priced:?}");
}
