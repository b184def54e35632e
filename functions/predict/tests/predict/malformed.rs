//! Ten thousand bodies that are wrong on purpose: each gets a 4xx that says why, and nothing panics.

use axum::body::Body;
use http::{Request, header};
use http_body_util::BodyExt as _;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tasador_model::Algorithm;
use tower::ServiceExt as _;

use crate::place::{Place, home, trained};

const BODIES: u64 = 10_000;

/// What is sent, and the statuses that fit it.
struct Wrong {
    what: &'static str,
    body: Vec<u8>,
    kind: &'static str,
    query: &'static str,
    statuses: &'static [u16],
}

impl Wrong {
    fn new(what: &'static str, body: impl Into<Vec<u8>>, statuses: &'static [u16]) -> Self {
        Self {
            what,
            body: body.into(),
            kind: "application/json",
            query: "",
            statuses,
        }
    }
}

/// A value that no number, date or zip code is written as.
fn unusable(random: &mut ChaCha8Rng) -> Value {
    match random.random_range(0..5) {
        0 => json!([random.random::<i32>()]),
        1 => json!({"value": random.random::<f32>()}),
        2 => json!(random.random::<bool>()),
        3 => json!(format!(
            "{}x{}",
            random.random::<u16>(),
            random.random::<u16>()
        )),
        _ => json!("½ \u{202e}\u{0}\n".repeat(random.random_range(1..40))),
    }
}

fn noise(random: &mut ChaCha8Rng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; random.random_range(1..=most)];
    random.fill_bytes(&mut bytes);
    bytes
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Value>(bytes).is_ok()
}

fn wrong(random: &mut ChaCha8Rng) -> Wrong {
    let mut listing = home();
    let text = listing.to_string();
    match random.random_range(0..14) {
        0 => {
            let end = random.random_range(0..text.len());
            Wrong::new("cut off", &text.as_bytes()[..end], &[400])
        }
        1 => Wrong::new(
            "text after it",
            format!("{text}{}", random.random_range(0..9)),
            &[400],
        ),
        2 => {
            let mut bytes = text.into_bytes();
            while is_json(&bytes) {
                let place = random.random_range(0..bytes.len());
                bytes[place] = random.random();
            }
            Wrong::new("one byte changed", bytes, &[400])
        }
        3 => {
            let mut bytes = noise(random, 300);
            bytes[0] |= 0x80;
            Wrong::new("noise", bytes, &[400])
        }
        4 => {
            let depth = random.random_range(200..20_000);
            let open = *["[", "{\"a\":", "{\"instances\":["].choose(random).unwrap();
            Wrong::new("too deep", open.repeat(depth), &[400])
        }
        5 => {
            let scalar = match random.random_range(0..4) {
                0 => json!(null),
                1 => json!(random.random::<i64>()),
                2 => json!([listing]),
                _ => json!("listing"),
            };
            Wrong::new("no object", scalar.to_string(), &[422])
        }
        6 => {
            let field = *[
                "house_size",
                "bath",
                "acre_lot",
                "zip_code",
                "prev_sold_date",
            ]
            .choose(random)
            .unwrap();
            listing[field] = unusable(random);
            Wrong::new("an unusable value", listing.to_string(), &[422])
        }
        7 => {
            let field = *["house_size", "bath", "acre_lot"].choose(random).unwrap();
            let amount = random.random_range(1.0..1e300_f64);
            listing[field] = json!(if random.random() {
                -amount
            } else {
                1e8 + amount
            });
            Wrong::new("an impossible home", listing.to_string(), &[422])
        }
        8 => {
            let instances = match random.random_range(0..4) {
                0 => json!([]),
                1 => json!(random.random::<i16>()),
                2 => json!({"0": listing}),
                _ => json!(vec![json!(0); random.random_range(1_001..2_000)]),
            };
            let body = json!({"instances": instances}).to_string();
            Wrong::new("no list of instances", body, &[422])
        }
        9 => Wrong {
            kind: [
                "text/plain",
                "multipart/form-data",
                "",
                "application/json; charset=latin1",
                "application/x-json",
            ]
            .choose(random)
            .unwrap(),
            ..Wrong::new("another type", text, &[415])
        },
        10 => Wrong {
            query: ["?explain=1", "?explain=", "?explain=yes", "?explain=%ff"]
                .choose(random)
                .unwrap(),
            ..Wrong::new("a wrong option", text, &[400, 422])
        },
        11 => {
            let number = *[
                "NaN", "Infinity", "-", "01", "1.", "0x10", "1e999", ".5", "+1",
            ]
            .choose(random)
            .unwrap();
            Wrong::new(
                "no number of JSON",
                format!("{{\"bath\": {number}}}"),
                &[400],
            )
        }
        12 => {
            let mut bytes = b"{\"city\": \"".to_vec();
            bytes.extend([0xc3, random.random_range(0..0x80), 0xff]);
            bytes.extend(b"\"}");
            Wrong::new("no UTF-8", bytes, &[400])
        }
        _ => {
            let encoded = text.encode_utf16().flat_map(u16::to_le_bytes);
            Wrong::new("UTF-16", encoded.collect::<Vec<u8>>(), &[400])
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_wrong_bodies_each_get_a_reason() {
    let seed = 20_261_125;
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let place = Place::with(&trained(Algorithm::Linear, 1)).await;
    for n in 0..BODIES {
        let Wrong {
            what,
            body,
            kind,
            query,
            statuses,
        } = wrong(&mut random);
        let shown = String::from_utf8_lossy(&body)
            .chars()
            .take(200)
            .collect::<String>();
        let request = Request::post(format!("/predict{query}"))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .unwrap();
        let answer = place.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let id = answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let problem: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(
            statuses.contains(&status),
            "body {n}, {what}: {shown}: {problem:#}"
        );
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], id);
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.len() > 10),
            "body {n}, {what}: {problem:#}"
        );
        if status == 422 && problem["errors"].is_array() {
            for error in problem["errors"].as_array().unwrap() {
                assert!(
                    error["field"].is_string() && error["reason"].is_string(),
                    "{problem:#}"
                );
            }
        }
    }
    let (status, _) = place.price(&home()).await;
    assert_eq!(status, 200, "it goes on pricing");
}
