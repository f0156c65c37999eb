//! Interleaved rounds, medians, ratios.

use std::time::Instant;

/// One thread's share of a case: does that many iterations.
pub type Work = Box<dyn FnMut(u64) + Send>;

/// How long to measure.
pub struct Run {
    pub rounds: usize,
    pub iterations: u64,
    /// Groups that were named; none names all.
    only: Vec<String>,
}

impl Run {
    pub fn from_arguments() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let only = arguments.iter().filter(|argument| !argument.starts_with("--")).cloned().collect();
        if arguments.iter().any(|argument| argument == "--test") {
            Self { rounds: 1, iterations: 100, only }
        } else {
            Self { rounds: 15, iterations: 100_000, only }
        }
    }

    pub fn wants(&self, group: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == group)
    }

    pub fn is_test(&self) -> bool {
        self.rounds == 1
    }

    pub fn sizes(&self) -> Vec<usize> {
        if self.is_test() { vec![1_000] } else { vec![10_000, 1_000_000] }
    }
}

struct Case {
    name: String,
    target: Option<f64>,
    work: Vec<Work>,
    times: Vec<f64>,
}

/// Cases that are compared with a peer in the same run.
pub struct Bench {
    title: String,
    /// Bytes that one iteration reads, where throughput is what matters.
    bytes: Option<usize>,
    cases: Vec<Case>,
}

impl Bench {
    pub fn new(title: &str, peer: &str, work: Vec<Work>) -> Self {
        let peer = Case { name: peer.into(), target: None, work, times: Vec::new() };
        Self { title: title.into(), bytes: None, cases: vec![peer] }
    }

    /// Each iteration reads that many bytes: fewer iterations, and megabytes a second beside the time.
    pub fn reading(mut self, bytes: usize) -> Self {
        self.bytes = Some(bytes);
        self
    }

    pub fn add(&mut self, name: &str, target: Option<f64>, work: Vec<Work>) {
        self.cases.push(Case { name: name.into(), target, work, times: Vec::new() });
    }

    /// Measures all cases in turn, round by round, and prints them beside the peer.
    pub fn run(mut self, run: &Run, threads: usize) {
        self.measure(run, threads);
        println!("{}", self.title);
        let peer = median(&mut self.cases[0].times);
        let speed = |time: f64| self.bytes.map_or(String::new(), |bytes| mb_per_s(bytes, time));
        println!("  {:<52} {peer:>9.1} ns{}", self.cases[0].name, speed(peer));
        for case in &mut self.cases[1..] {
            let time = median(&mut case.times);
            let target = case.target.map_or(String::new(), |target| format!("  (aim ≤ {target:.2})"));
            let ratio = time / peer;
            println!("  {:<52} {time:>9.1} ns  {ratio:>6.2} ×{}{target}", case.name, speed(time));
        }
        println!();
    }

    /// Measures each case with one thread and with two, and prints how well it scales beside the peer.
    pub fn run_scaling(mut self, run: &Run) {
        self.measure(run, 1);
        let alone: Vec<f64> = self.cases.iter_mut().map(|case| median(&mut case.times)).collect();
        self.cases.iter_mut().for_each(|case| case.times.clear());
        self.measure(run, 2);
        println!("{}", self.title);
        let scales: Vec<f64> = self
            .cases
            .iter_mut()
            .zip(&alone)
            .map(|(case, alone)| 2.0 * alone / median(&mut case.times))
            .collect();
        for ((case, alone), scale) in self.cases.iter().zip(&alone).zip(&scales) {
            let share = scale / scales[0];
            println!(
                "  {:<40} {alone:>9.1} ns alone, scales {scale:>5.2}, {share:>5.2} of the peer",
                case.name
            );
        }
        println!();
    }

    fn measure(&mut self, run: &Run, threads: usize) {
        for round in 0..=run.rounds {
            for case in &mut self.cases {
                let iterations = self.bytes.map_or(run.iterations, |_| run.iterations.div_ceil(5_000));
                let time = once(&mut case.work[..threads], iterations);
                // The first round warms up.
                if round > 0 || run.is_test() {
                    case.times.push(time);
                }
            }
        }
    }
}

/// Nanoseconds of one iteration, with every thread doing all iterations at once.
fn once(work: &mut [Work], iterations: u64) -> f64 {
    let started = Instant::now();
    if let [alone] = work {
        alone(iterations);
    } else {
        std::thread::scope(|scope| {
            for work in work {
                scope.spawn(move || work(iterations));
            }
        });
    }
    started.elapsed().as_nanos() as f64 / iterations as f64
}

fn mb_per_s(bytes: usize, nanoseconds: f64) -> String {
    format!("  {:>7.0} MB/s", bytes as f64 * 1e3 / nanoseconds)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
