-- Who sells the model of a call, and how it is billed: without them its price cannot be found again.
ALTER TABLE calls ADD COLUMN provider TEXT;
ALTER TABLE calls ADD COLUMN conditions TEXT CHECK (conditions IS NULL OR json_valid(conditions)); -- null: standard
