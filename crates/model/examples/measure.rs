#![allow(
    missing_docs,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
use std::collections::HashMap;
use std::time::Instant;
use tasador_model::train::{TrainConfig, fit};
use tasador_model::*;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

fn days(d: &str) -> f64 {
    let p: Vec<i64> = d.split('-').map(|x| x.parse().unwrap()).collect();
    let (y, m, d) = (if p[1] <= 2 { p[0] - 1 } else { p[0] }, p[1], p[2]);
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let doy = (153 * (m + if m > 2 { -3 } else { 9 }) + 2) / 5 + d - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    (era * 146097 + doe - 719468) as f64
}
fn load(path: &str, kc: bool, few: bool) -> (Frame, Vec<u64>, Vec<f64>) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut cols: HashMap<&str, Vec<&str>> = head.iter().map(|h| (*h, vec![])).collect();
    for l in lines {
        for (h, v) in head.iter().zip(l.split(',')) {
            cols.get_mut(h).unwrap().push(v);
        }
    }
    let num = |c: &str| -> Vec<f64> {
        cols[c]
            .iter()
            .map(|v| v.parse().unwrap_or(f64::NAN))
            .collect()
    };
    let n = cols["price"].len();
    let mut f = Frame::new(n);
    let cat = |c: &str| Column::category(cols[c].iter().map(|v| Some(*v)));
    let mut props: Vec<u64>;
    let mut time = vec![];
    if kc {
        f.push("price", Column::Number(num("price"))).unwrap();
        f.push("bed", Column::Number(num("bedrooms"))).unwrap();
        f.push("bath", Column::Number(num("bathrooms"))).unwrap();
        f.push("house_size", Column::Number(num("sqft_living")))
            .unwrap();
        f.push(
            "acre_lot",
            Column::Number(num("sqft_lot").iter().map(|x| x / 43560.0).collect()),
        )
        .unwrap();
        f.push("zip_code", cat("zipcode")).unwrap();
        time = cols["date"].iter().map(|d| days(d)).collect::<Vec<f64>>();
        if !few {
            f.push("date", Column::Date(time.clone())).unwrap();
            for c in [
                "floors",
                "view",
                "condition",
                "grade",
                "sqft_above",
                "sqft_basement",
                "yr_built",
                "yr_renovated",
                "lat",
                "long",
                "sqft_living15",
                "sqft_lot15",
            ] {
                f.push(c, Column::Number(num(c))).unwrap();
            }
            f.push("waterfront", cat("waterfront")).unwrap();
        }
        props = cols["id"].iter().map(|v| xxh3_64(v.as_bytes())).collect();
    } else {
        for c in ["price", "bed", "bath", "acre_lot", "house_size"] {
            f.push(c, Column::Number(num(c))).unwrap();
        }
        f.push("zip_code", cat("zip_code")).unwrap();
        f.push("city_code", cat("city_code")).unwrap();
        props = (0..n)
            .map(|i| {
                xxh3_64(
                    [
                        "bed",
                        "bath",
                        "acre_lot",
                        "house_size",
                        "zip_code",
                        "city_code",
                    ]
                    .iter()
                    .map(|c| cols[*c][i])
                    .collect::<Vec<_>>()
                    .join("|")
                    .as_bytes(),
                )
            })
            .collect();
        let (p, s, b, t, a) = (
            num("price"),
            num("house_size"),
            num("bed"),
            num("bath"),
            num("acre_lot"),
        );
        let keep: Vec<usize> = (0..n)
            .filter(|&i| {
                (10e3..=5e6).contains(&p[i])
                    && (200.0..=15e3).contains(&s[i])
                    && (1.0..=12.0).contains(&b[i])
                    && (1.0..=12.0).contains(&t[i])
                    && a[i] <= 100.0
            })
            .collect();
        f = f.select(&keep);
        props = keep.iter().map(|&i| props[i]).collect();
    }
    f.set_properties(props.iter().map(|p| *p as u128).collect())
        .unwrap();
    (f, props, time)
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let sets = a.get(1).map_or("kc,kctime,kcfew,ne", |s| s);
    let algos = a.get(2).map_or("linear,boosting", |s| s);
    let seeds: u64 = a.get(3).map_or(1, |s| s.parse().unwrap());
    for set in sets.split(',') {
        let kc = set.starts_with("kc");
        let (f, props, time) = load(
            if kc {
                "/tmp/mw/kc.csv"
            } else {
                "/tmp/mw/ne.csv"
            },
            kc,
            set.contains("few"),
        );
        let n = f.rows();
        let h = |p: u64| xxh3_128(&p.to_le_bytes()) as u64 % 100;
        let cut = {
            let mut t = time.clone();
            t.sort_by(f64::total_cmp);
            t.get(n * 8 / 10).copied().unwrap_or(0.0)
        };
        let part = |i: usize| -> u8 {
            if set.contains("time") {
                if time[i] >= cut {
                    2
                } else if h(props[i]) < 12 {
                    1
                } else {
                    0
                }
            } else {
                match h(props[i]) {
                    0..20 => 2,
                    20..30 => 1,
                    _ => 0,
                }
            }
        };
        let rows = |p: u8| (0..n).filter(|&i| part(i) == p).collect::<Vec<_>>();
        let (tr, ca, ho) = (f.select(&rows(0)), f.select(&rows(1)), f.select(&rows(2)));
        // CSV of parts for the other side
        if std::env::var("DUMP").is_ok() {
            let parts: String = (0..n).map(|i| format!("{}\n", part(i))).collect();
            std::fs::write(format!("/tmp/mw/{set}.parts"), parts).unwrap();
        }
        for al in algos.split(',') {
            for seed in 0..seeds {
                let t = Instant::now();
                let (m, ev) =
                    fit(&TrainConfig::new(al.parse().unwrap(), 42 + seed), &tr, &ca).unwrap();
                let ft = t.elapsed().as_secs_f64();
                let s = metrics::score_model(&m, &ho).unwrap();
                let bytes = m.to_bytes().unwrap();
                let t = Instant::now();
                let m2 = Model::from_bytes(&bytes).unwrap();
                let lt = t.elapsed().as_secs_f64() * 1e3;
                assert_eq!(m2.predict(&ho), m.predict(&ho));
                let mut row = m2.row();
                for i in m2.inputs() {
                    match i.kind {
                        InputKind::Category => {
                            row.set(&i.name, Value::Text(&i.most_frequent[0])).unwrap()
                        }
                        _ => row.set(&i.name, Value::Number(i.median.unwrap())).unwrap(),
                    }
                }
                let t = Instant::now();
                let mut acc = 0.0;
                for _ in 0..20000 {
                    acc += m2.predict_row(std::hint::black_box(&row)).price;
                }
                let us = t.elapsed().as_secs_f64() / 20000.0 * 1e6;
                let _ = m2.explain_row(&row);
                let t = Instant::now();
                for _ in 0..200 {
                    acc += m2.explain_row(std::hint::black_box(&row)).price;
                }
                print!("explain {:.0}us ", t.elapsed().as_secs_f64() / 200.0 * 1e6);
                let t = Instant::now();
                let _ = m2.predict(&ho);
                let bus = t.elapsed().as_secs_f64() / ho.rows() as f64 * 1e6;
                println!(
                    "{set} {al} n={}/{}/{} R2 {:.4} RMSE {:.0} MAE {:.0} medAPE {:.4} cov {:.3} width {:.3} | val RMSE {:.0} MAE {:.0} cov {:.3} | fit {ft:.2}s row {us:.2}us batch {bus:.2}us size {} load {lt:.1}ms rounds {:?} {}",
                    tr.rows(),
                    ca.rows(),
                    ho.rows(),
                    s.r2,
                    s.rmse,
                    s.mae,
                    s.median_ape,
                    s.coverage,
                    s.interval_width,
                    ev.validation.rmse,
                    ev.validation.mae,
                    ev.validation.coverage,
                    bytes.len(),
                    ev.parameters.get("rounds"),
                    acc > 0.0
                );
            }
        }
    }
}
