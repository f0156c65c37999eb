-- For people and their reports: nothing in the crate reads these views, and
-- a charge stands once for each level that it binds, so compare like with like.

-- What the journal says each balance must be.
CREATE VIEW recomputed_balances AS
SELECT lines.account, lines.period, sum(lines.spent) AS spent, sum(lines.reserved) AS reserved,
       sum(CASE WHEN journal.kind = 'reached' AND accounts.span = 1
                THEN 1 << CAST(journal.detail AS INTEGER) ELSE 0 END) AS fired
FROM journal_lines AS lines
JOIN journal USING (tenant, sequence)
JOIN accounts ON accounts.account = lines.account
GROUP BY lines.account, lines.period;

-- Every change of what is spent, with what is known of its call.
CREATE VIEW charges AS
SELECT tenants.name AS organization, accounts.scope, accounts.budget, accounts.unit, accounts."window",
       lines.period, date(journal.at / 1000000000, 'unixepoch') AS day, lower(hex(journal.id)) AS id,
       calls.model, calls.use_case, calls.tags, journal.detail AS certainty, lines.spent
FROM journal_lines AS lines
JOIN journal USING (tenant, sequence)
JOIN accounts ON accounts.account = lines.account
JOIN tenants ON tenants.tenant = lines.tenant
LEFT JOIN calls ON calls.call = journal.call
WHERE lines.spent <> 0;

CREATE VIEW spend_by_scope AS
SELECT tenants.name AS organization, scope, budget, unit, "window", period, spent, reserved
FROM balances JOIN accounts USING (account) JOIN tenants USING (tenant);

CREATE VIEW spend_by_day AS
SELECT organization, scope, budget, unit, "window", day, sum(spent) AS spent
FROM charges GROUP BY organization, scope, budget, unit, "window", day;

CREATE VIEW spend_by_model AS
SELECT organization, scope, budget, unit, "window", model, sum(spent) AS spent
FROM charges GROUP BY organization, scope, budget, unit, "window", model;

CREATE VIEW spend_by_tag AS
SELECT organization, scope, budget, unit, "window",
       json_extract(tag.value, '$[0]') AS tag, json_extract(tag.value, '$[1]') AS value, sum(spent) AS spent
FROM charges, json_each(charges.tags) AS tag
GROUP BY organization, scope, budget, unit, "window", 6, 7;
