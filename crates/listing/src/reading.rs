//! Columns that say something of the reading of a row, not of the home: when a row was scraped, how
//! often a listing was viewed until then. The same home, read a day later, is no new sale.

use crate::name::{compact, words};
use crate::synonyms::READING_TIMES;

/// What a source does to a row: says enough alone.
const CLEAR: [&str; 20] = [
    "crawl",
    "crawled",
    "crawler",
    "download",
    "downloaded",
    "etl",
    "fetch",
    "fetched",
    "ingest",
    "ingested",
    "ingestion",
    "retrieval",
    "retrieve",
    "retrieved",
    "scrape",
    "scraped",
    "scraper",
    "scraping",
    "snapshot",
    "snapshotted",
];

/// What a source does to a row or a person to a home (`kitchen_updated`): only beside a moment, or
/// as the last or first time.
const UNCLEAR: [&str; 36] = [
    "access",
    "accessed",
    "actualizacion",
    "added",
    "captura",
    "capture",
    "captured",
    "change",
    "changed",
    "checked",
    "collected",
    "collection",
    "consulta",
    "created",
    "creation",
    "descarga",
    "export",
    "exported",
    "extract",
    "extracted",
    "extraction",
    "extraccion",
    "import",
    "imported",
    "inserted",
    "load",
    "loaded",
    "modification",
    "modified",
    "observed",
    "processed",
    "refreshed",
    "seen",
    "synced",
    "update",
    "updated",
];

const MOMENTS: [&str; 12] = [
    "at",
    "date",
    "datetime",
    "day",
    "fecha",
    "first",
    "hora",
    "last",
    "on",
    "time",
    "timestamp",
    "ts",
];

/// Words that may stand beside these.
const BESIDE: [&str; 24] = [
    "batch", "bridge", "data", "db", "de", "entry", "feed", "file", "listing", "local", "major",
    "mls", "original", "page", "photos", "record", "row", "run", "source", "status", "system",
    "ultima", "utc", "web",
];

/// What people do to a listing.
const COUNTED: [&str; 14] = [
    "click",
    "contact",
    "enquirie",
    "favorite",
    "favorito",
    "favourite",
    "hit",
    "impression",
    "inquirie",
    "like",
    "pageview",
    "save",
    "view",
    "visit",
];

/// Words of a count of them.
const COUNTS: [&str; 16] = [
    "all", "count", "counter", "daily", "listing", "monthly", "n", "no", "num", "number", "online",
    "page", "total", "unique", "user", "weekly",
];

/// Whether the name is that of something that another reading of the same listing changes
/// (`scraped_at`, `days_on_market`, `views`). Such a value makes no row new.
pub fn is_of_the_reading(name: &str) -> bool {
    is_time(name) || is_days_on_market(name) || is_count(name)
}

/// Whether the name is that of when a row was read.
pub fn is_time(name: &str) -> bool {
    if READING_TIMES.contains(&compact(name).as_str()) {
        return true;
    }
    let words = words(name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let all_known = words.iter().all(|word| {
        [&CLEAR[..], &UNCLEAR, &MOMENTS, &BESIDE]
            .iter()
            .any(|list| list.contains(&word.as_str()))
    });
    all_known && (has(&CLEAR) || (has(&UNCLEAR) && has(&MOMENTS)))
}

fn is_days_on_market(name: &str) -> bool {
    let compact = compact(name);
    let sites = ["market", "zillow", "redfin", "mls", "site", "realtor"];
    let days = ["dayson", "timeon", "cumulativedayson", "activedayson"];
    ["dom", "cdom", "adom", "diasenmercado", "diaspublicado"].contains(&compact.as_str())
        || days.iter().any(|days| {
            let site = compact.strip_prefix(days).unwrap_or_default();
            sites.contains(&site.strip_prefix("the").unwrap_or(site))
        })
}

fn is_count(name: &str) -> bool {
    let words = words(name);
    let counts = |word: &str| COUNTS.contains(&word);
    let counted: Vec<&String> = words.iter().filter(|word| !counts(word)).collect();
    let [counted] = counted.as_slice() else {
        return false;
    };
    // `view` is what the home looks at; `views` and `view_count` are how many people looked.
    match counted.strip_suffix('s') {
        Some(one) => COUNTED.contains(&one),
        None => words.len() > 1 && COUNTED.contains(&counted.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_reading_changes_is_recognised_in_any_spelling() {
        for name in [
            "scraped_at",
            "Scraped At",
            "scrapedAt",
            "SCRAPED-AT",
            "scrapedat",
            "scrapedate",
            "downloadedat",
            "extractedat",
            "modificationtimestamp",
            "scrape_date",
            "ScrapeDate",
            "date_scraped",
            "scraping_timestamp",
            "scraper_run_date",
            "crawl_date",
            "crawled",
            "fetched",
            "fetch_time",
            "retrieved_at",
            "RetrievalDate",
            "last_updated",
            "updated_on",
            "update_date",
            "last_modified",
            "listing_created_at",
            "last_seen",
            "first_seen_at",
            "timestamp",
            "etl_loaded_at",
            "load_ts",
            "ingestion_time",
            "snapshot_date",
            "as_of_date",
            "export_date",
            "download_date",
            "ModificationTimestamp",
            "StatusChangeTimestamp",
            "PhotosChangeTimestamp",
            "fecha_extraccion",
            "Fecha de actualización",
        ] {
            assert!(is_time(name) && is_of_the_reading(name), "{name}");
        }
        for name in [
            "days_on_market",
            "DaysOnMarket",
            "DAYS ON MARKET",
            "dom",
            "DOM",
            "CumulativeDaysOnMarket",
            "CDOM",
            "days_on_zillow",
            "timeOnZillow",
            "views",
            "view_count",
            "page_views",
            "total_views",
            "num_saves",
            "saves",
            "favoriteCount",
            "favorites",
            "likes",
        ] {
            assert!(is_of_the_reading(name), "{name}");
            assert!(!is_time(name), "{name}");
        }
    }

    #[test]
    fn what_is_true_of_the_home_is_not_of_the_reading() {
        for name in [
            "year_updated",
            "updated",
            "kitchen_updated",
            "date_of_last_renovation",
            "renovation_date",
            "last_renovated",
            "sold_date",
            "last_sold_date",
            "prev_sold_date",
            "SoldTimestamp",
            "sale_date",
            "close_date",
            "list_date",
            "listed_on",
            "recorded_date",
            "date",
            "time",
            "day",
            "year_built",
            "view",
            "ocean_views",
            "view_type",
            "visitor_parking",
            "market",
            "days",
            "dome",
            "kingdom",
            "number_of_rooms",
            "page",
            "status",
            "load_bearing_walls",
            "contact",
            "snapshot_price",
            "source",
            "",
        ] {
            assert!(!is_of_the_reading(name), "{name}");
        }
    }
}
