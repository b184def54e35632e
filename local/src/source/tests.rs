use std::io::Write as _;

use super::*;

fn rows(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

struct Served {
    base: String,
    client: reqwest::Client,
}

async fn serve(api: &DataApi) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(api.clone().serve(listener, std::future::pending()));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Served { base, client }
}

impl Served {
    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self
            .client
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        let body = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }
}

fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const CSV: &str = "\
status,price,city,zip_code,prev_sold_date,note
for_sale,289900.0,East Windsor,06016,1999-09-30,
sold,,\"New
York\",10001.0,,\"a \"\"b\"\"\"
sold,1,Paris,x,2020-01-01,7
";

#[tokio::test]
async fn each_group_and_day_has_its_cursor() {
    let batches = vec![
        vec![json!({"bed": 1.0})],
        vec![json!({"bed": 2.0}), json!({"bed": null})],
    ];
    let api = DataApi::from_batches(batches);
    assert_eq!((api.batches(), api.rows()), (2, 3));
    let served = serve(&api).await;
    let tuesday = "/data?group_number=2&day=Tuesday";
    let first =
        json!({"group_number": 2, "day": "Tuesday", "batch_number": 0, "data": [{"bed": 1.0}]});
    assert_eq!(served.get(tuesday).await, (200, first.clone()));
    let second = json!({"group_number": 2, "day": "Tuesday", "batch_number": 1, "data": [{"bed": 2.0}, {"bed": null}]});
    assert_eq!(served.get(tuesday).await, (200, second));
    let end = json!({"detail": "Ya se recolectó toda la información mínima necesaria"});
    for _ in 0..2 {
        assert_eq!(served.get(tuesday).await, (400, end.clone()));
    }
    // The later version has no days; another group and another day begin anew.
    let without_day = json!({"group_number": 2, "batch_number": 0, "data": [{"bed": 1.0}]});
    assert_eq!(served.get("/data?group_number=2").await, (200, without_day));
    for other in [
        "/data?group_number=3&day=Tuesday",
        "/data?group_number=2&day=Friday",
    ] {
        assert_eq!(served.get(other).await.1["batch_number"], 0);
    }

    let ok = (200, json!({"ok": true}));
    assert_eq!(
        served
            .get("/restart_data_generation?group_number=2&day=Tuesday")
            .await,
        ok
    );
    assert_eq!(served.get(tuesday).await, (200, first));
    assert_eq!(
        served.get("/data?group_number=2&day=Friday").await.1["batch_number"],
        1
    );
    assert_eq!(
        served.get("/restart_data_generation?group_number=2").await,
        ok
    );
    assert_eq!(
        served.get("/data?group_number=2&day=Friday").await.1["batch_number"],
        0
    );
    assert_eq!(served.get("/health").await, (200, json!({"status": "OK"})));
}

#[tokio::test]
async fn a_group_that_is_none_is_refused_in_the_words_of_the_original() {
    let served = serve(&DataApi::from_batches(vec![vec![]])).await;
    let refused = (400, json!({"detail": "Número de grupo inválido"}));
    for query in [
        "",
        "?group_number=",
        "?group_number=0",
        "?group_number=11",
        "?group_number=-1",
        "?group_number=two",
    ] {
        assert_eq!(
            served.get(&format!("/data{query}")).await,
            refused,
            "{query}"
        );
        assert_eq!(
            served
                .get(&format!("/restart_data_generation{query}"))
                .await,
            refused,
            "{query}"
        );
    }
}

#[tokio::test]
async fn looking_does_not_move_the_cursor() {
    let served = serve(&DataApi::from_batches(vec![vec![]])).await;
    let url = format!("{}/data?group_number=1", served.base);
    assert_eq!(served.client.head(&url).send().await.unwrap().status(), 405);
    assert_eq!(served.client.post(&url).send().await.unwrap().status(), 405);
    let (status, answer) = served.get("/data?group_number=1").await;
    assert_eq!(
        (status, &answer["batch_number"], &answer["data"]),
        (200, &json!(0), &json!([]))
    );
}

#[tokio::test]
async fn a_csv_is_given_out_as_the_original_writes_its_rows() {
    for (name, bytes) in [
        ("a.csv", CSV.as_bytes().to_vec()),
        ("a.csv.gz", gzip(CSV.as_bytes())),
    ] {
        let (_folder, path) = file(name, &bytes);
        let api = DataApi::from_file(&path, rows(2)).unwrap();
        assert_eq!((api.batches(), api.rows()), (2, 3));
        let served = serve(&api).await;
        let answer = served
            .client
            .get(format!("{}/data?group_number=1", served.base))
            .send()
            .await
            .unwrap();
        assert_eq!(
            answer.text().await.unwrap(),
            "{\"group_number\":1,\"batch_number\":0,\"data\":[\
             {\"status\":\"for_sale\",\"price\":289900.0,\"city\":\"East Windsor\",\"zip_code\":6016.0,\
             \"prev_sold_date\":\"1999-09-30\",\"note\":null},\
             {\"status\":\"sold\",\"price\":null,\"city\":\"New\\nYork\",\"zip_code\":10001.0,\
             \"prev_sold_date\":null,\"note\":\"a \\\"b\\\"\"}]}"
        );
        let (_, last) = served.get("/data?group_number=1").await;
        assert_eq!(
            last["data"],
            json!([{"status": "sold", "price": 1.0, "city": "Paris", "zip_code": "x", "prev_sold_date": "2020-01-01", "note": 7.0}])
        );
        assert_eq!(served.get("/data?group_number=1").await.0, 400);
    }
}

#[tokio::test]
async fn ndjson_is_given_out_as_it_is() {
    let text = "{\"bed\": 1, \"pool\": true}\n\n {\"bed\": null} \r\n{\"bed\": 3}";
    for (name, bytes) in [
        ("a.ndjson", text.as_bytes().to_vec()),
        ("a.jsonl.gz", gzip(text.as_bytes())),
        ("a", text.as_bytes().to_vec()),
    ] {
        let (_folder, path) = file(name, &bytes);
        let served = serve(&DataApi::from_file(&path, rows(2)).unwrap()).await;
        let (_, first) = served.get("/data?group_number=1").await;
        assert_eq!(
            first["data"],
            json!([{"bed": 1, "pool": true}, {"bed": null}])
        );
        let (_, second) = served.get("/data?group_number=1").await;
        assert_eq!(second["data"], json!([{"bed": 3}]));
    }
}

#[test]
fn a_bad_file_names_its_line() {
    for (name, bytes, words) in [
        ("a.csv", &b"price,bed\n1,2\n1,2,3\n"[..], "line 3"),
        ("a.csv", b"price,bed\n1,2\n\"x\ny\",1\n\xff,2\n", "line 5"),
        ("a.csv", b"price,price\n1,2\n", "`price` is there twice"),
        ("a.csv", b"price,\n1,2\n", "column 2 has no name"),
        ("a.csv", b"price,bed\n", "no rows"),
        ("a.csv", b"", "no rows"),
        ("a.ndjson", b"{}\n\n[1]\n", "line 3"),
        ("a.ndjson", b"{\"bed\": 1}\n{\"bed\"", "line 2"),
        ("a.ndjson", b"\n", "no rows"),
        ("a.csv.gz", b"\x1f\x8bnot really", "can't be read"),
    ] {
        let (_folder, path) = file(name, bytes);
        let error = DataApi::from_file(&path, rows(10)).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(name), "{error}");
    }
    let error = DataApi::from_file(Path::new("no-such.csv"), rows(10)).unwrap_err();
    assert!(error.to_string().contains("no-such.csv"), "{error}");
}

#[tokio::test]
async fn an_answer_whose_file_went_breaks_off() {
    let (folder, path) = file("a.csv", CSV.as_bytes());
    let served = serve(&DataApi::from_file(&path, rows(2)).unwrap()).await;
    drop(folder);
    let answer = served
        .client
        .get(format!("{}/data?group_number=1", served.base))
        .send()
        .await;
    let whole = match answer {
        Ok(answer) => answer.bytes().await.is_ok(),
        Err(_) => false,
    };
    assert!(!whole, "half an answer looked whole");
}

#[tokio::test]
async fn it_ends_when_it_is_told_to() {
    let api = DataApi::from_batches(vec![vec![json!({})]]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(api.serve(listener, async {
        let _ = stopped.await;
    }));
    drop(stop);
    server.await.unwrap().unwrap();
}
