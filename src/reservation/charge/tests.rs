//! Is the short way to a charge the long one?

use super::*;
use crate::policy::Unbound;
use crate::values::Region;
use crate::{Call, Enforcer, InFlight};

/// Draws numbers from a seed, by a step of Knuth's generator.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// Mostly two wholes; sometimes with a part, which may be too large, or with something rare.
    fn usage(&mut self) -> Usage {
        let mut usage = Usage::new();
        for (meter, chance) in [
            (Meter::Input, 12),
            (Meter::Output, 12),
            (Meter::CachedInput, 4),
            (Meter::CacheWrite5m, 2),
            (Meter::Reasoning, 4),
            (Meter::InputAudio, 1),
            (Meter::WebSearch, 1),
            (Meter::Page, 1),
        ] {
            if self.below(13) < chance {
                usage = usage.with(meter, [0, 1, 120, 1_200, 250_000][self.below(5) as usize]);
            }
        }
        usage
    }

    /// Mostly the usage alone; sometimes one thing more.
    fn report(&mut self) -> Actual {
        let mut report = Actual::from(self.usage());
        match self.below(26) {
            0 => report.estimated = true,
            1 => report.broke_off = true,
            2 => report.unbilled = true,
            3 => report.hides_thoughts = true,
            4 => report.cost = Some(Usd::cents(self.below(2) as u32)),
            5 => report.tier = Some(ServiceTier::Batch),
            6 => report.tier = Some(ServiceTier::Priority),
            7 => report.model = Some("gpt-4o-mini".into()),
            8 => report.model = Some("nobody-knows-it".into()),
            9 => report.text.bytes = 64_000,
            10 => report.images = 3,
            11 => report.counted = Some(9_000),
            12 => report.region = Some(Region::named("eu")),
            13 => report.ended_at_limit = true,
            _ => {}
        }
        report
    }
}

/// A call in flight of each kind: plain, with a fee, that thinks, that is billed a request, without a price.
fn calls() -> Vec<InFlight> {
    let enforcer = Enforcer::builder().unbound(Unbound::Allow).build();
    let unpriced =
        crate::Policy::new([]).unwrap().with_unknown_model(crate::policy::OnUnknownModel::CountOnly);
    let counting = Enforcer::builder().policy(unpriced).unbound(Unbound::Allow).build();
    let call = |model: &str| Call::new(model).input_tokens(1_200).output_tokens(500);
    let send = |enforcer: &Enforcer, call: &Call| {
        enforcer.reserve(call).wait().unwrap().or_refusal().unwrap().send()
    };
    let mut calls: Vec<InFlight> = [
        call("gpt-4o"),
        call("gpt-4o").input_tokens(0),
        call("gpt-4o").may_use(Meter::WebSearch, 2),
        call("o3"),
        call("sonar"),
        call("claude-sonnet-4-5"),
        call("gemini-2.5-pro"),
        call("text-embedding-3-small").output_tokens(0),
    ]
    .iter()
    .map(|call| send(&enforcer, call))
    .collect();
    calls.push(send(&counting, &call("nobody-knows-it")));
    calls.push(send(&enforcer, &call("gpt-4o").may_use(Meter::WebSearch, 2)));
    if let Some(open) = calls.last_mut().and_then(|call| call.open.as_mut()) {
        open.tools_unseen = true;
    }
    calls
}

#[test]
fn the_plain_charge_of_a_report_is_that_of_the_long_way() {
    let seed = 20_261_130;
    let mut random = Random(seed);
    let (calls, mut plain, mut long) = (calls(), 0, 0);
    for _ in 0..20_000 {
        let open = calls[random.below(calls.len() as u64) as usize].open.as_deref().unwrap();
        let report = random.report();
        let judged = open.charge_judged(&report);
        match open.charge_plain(&report) {
            Some(charge) => {
                let judged = judged.unwrap_or_else(|error| panic!("seed {seed}, {report:?}: {error}"));
                assert_eq!(format!("{charge:?}"), format!("{judged:?}"), "seed {seed}, {report:?}");
                plain += 1;
            }
            None => long += 1,
        }
    }
    assert!(plain > 2_000 && long > 2_000, "seed {seed}: {plain} plain, {long} by the long way");
}
