//! What sealing and opening cost, by suite and size.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run says so by failing"
)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wardline_crypto::{Content, DataKey, Header, OsEntropy, Suite, open, seal};

fn envelopes(criterion: &mut Criterion) {
    for (direction, sealing) in [("seal", true), ("open", false)] {
        let mut group = criterion.benchmark_group(direction);
        group.sample_size(20);
        for suite in Suite::ALL {
            for size in [1_000, 60_000] {
                let key = DataKey::generate(&mut OsEntropy);
                let header = Header { suite, content: Content::Record, object: [7; 16], version: 1 };
                let plain = vec![b'x'; size];
                let sealed = seal(&key, &header, &plain, &mut OsEntropy).unwrap();
                group.throughput(Throughput::Bytes(size as u64));
                group.bench_function(BenchmarkId::new(suite.name(), size), |bencher| {
                    bencher.iter(|| {
                        if sealing {
                            seal(&key, &header, &plain, &mut OsEntropy).unwrap().len()
                        } else {
                            open(&key, &sealed).unwrap().1.expose().len()
                        }
                    });
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, envelopes);
criterion_main!(benches);
