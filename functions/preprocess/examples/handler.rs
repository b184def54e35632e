#![allow(warnings, clippy::all)]
#[path = "../tests/preprocess/place.rs"]
mod place;
#[path = "/tmp/measure_mod.rs"]
mod measure;
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    let place = place::Place::new().await;
    let format = if a[1] == "csv" { tasador_lake::Format::Csv } else { tasador_lake::Format::ApiJson };
    let bytes = { let f = tempfile::NamedTempFile::new().unwrap();
    measure::generate(&mut std::io::BufWriter::new(std::fs::File::create(f.path()).unwrap()), a[1] == "json", a[2].parse().unwrap()).unwrap();
    std::fs::read(f.path()).unwrap() };
    let request = place.batch(bytes, format).await;
    let hwm = || std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l| l.starts_with("VmHWM")).unwrap().to_owned();
    println!("stored {}", hwm());
    let other = tasador_ids::BatchId::of(b"x");
    for round in 0..2 {
    let hashes: Vec<u128> = (0..50_000u128).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_1234_5678_9abc_def1)).collect();
    let t = std::time::Instant::now();
    place.ctx.registry.rows_seen(&hashes, &other).await.unwrap();
    println!("seen 50k {:?}", t.elapsed());
    let t = std::time::Instant::now();
    place.ctx.registry.mark_rows(&hashes, &other).await.unwrap();
    println!("mark 50k {:?}", t.elapsed());
    }
    for _ in 0..2 {
        let t = std::time::Instant::now();
        let answer = place.run(&request).await;
        println!("{:?} {:?} {}", answer.rows, t.elapsed(), hwm());
    }
}
