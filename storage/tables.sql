CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO "alembic_version" VALUES('0013');

CREATE TABLE alerts (
	"key" INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	event INTEGER NOT NULL, 
	source INTEGER NOT NULL, 
	chain BLOB, mark BLOB, 
	PRIMARY KEY ("key"), 
	UNIQUE (id), 
	FOREIGN KEY(event) REFERENCES events (number), 
	FOREIGN KEY(source) REFERENCES sources ("key")
);

CREATE TABLE "bodies" (
	"key" INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	size INTEGER NOT NULL, 
	base INTEGER, 
	source INTEGER, 
	number INTEGER, 
	depth SMALLINT NOT NULL, 
	packed BLOB NOT NULL, 
	PRIMARY KEY ("key"), 
	FOREIGN KEY(base) REFERENCES "bodies" ("key")
);

CREATE TABLE channels (
	name TEXT NOT NULL, 
	told_as TEXT NOT NULL, 
	stopped_at BIGINT, 
	stopped_why TEXT, 
	PRIMARY KEY (name)
);

CREATE TABLE deliveries (
	"key" INTEGER NOT NULL, 
	alert INTEGER NOT NULL, 
	channel TEXT NOT NULL, 
	due BIGINT NOT NULL, 
	held BOOLEAN DEFAULT 0 NOT NULL, 
	letter INTEGER, 
	fate TEXT, 
	PRIMARY KEY ("key"), 
	FOREIGN KEY(alert) REFERENCES alerts ("key"), 
	FOREIGN KEY(letter) REFERENCES letters ("key")
);

CREATE TABLE "events" (
	number INTEGER NOT NULL, 
	source INTEGER NOT NULL, 
	kind TEXT, 
	at BIGINT, 
	version INTEGER, 
	severity SMALLINT, 
	silent BOOLEAN, 
	"after" BIGINT, 
	"before" BIGINT, 
	detail TEXT, 
	mark BLOB, 
	PRIMARY KEY (number), 
	FOREIGN KEY(source) REFERENCES sources ("key")
);

CREATE TABLE found (
	source INTEGER NOT NULL, 
	listing INTEGER NOT NULL, 
	url TEXT NOT NULL, 
	title TEXT, 
	published_at BIGINT, 
	stamp TEXT, 
	kept_stamp TEXT, 
	first_listed BIGINT NOT NULL, 
	missing_since BIGINT, 
	PRIMARY KEY (source), 
	FOREIGN KEY(source) REFERENCES sources ("key"), 
	FOREIGN KEY(listing) REFERENCES sources ("key")
);

CREATE TABLE "headings" (
	"key" INTEGER NOT NULL, 
	title TEXT, 
	published TEXT, 
	reader TEXT NOT NULL, 
	PRIMARY KEY ("key")
);

CREATE TABLE heads (
	"key" INTEGER NOT NULL, 
	url TEXT NOT NULL, 
	final_url TEXT, 
	status SMALLINT, 
	redirects TEXT, 
	packed BLOB NOT NULL, 
	PRIMARY KEY ("key")
);

CREATE TABLE ledger (
	number INTEGER NOT NULL, 
	source INTEGER NOT NULL, 
	outcome TEXT NOT NULL, 
	first BIGINT NOT NULL, 
	last BIGINT NOT NULL, 
	count INTEGER NOT NULL, 
	version INTEGER, 
	error TEXT, runs INTEGER DEFAULT '1' NOT NULL, 
	PRIMARY KEY (number), 
	FOREIGN KEY(source) REFERENCES sources ("key")
);

CREATE TABLE letters (
	"key" INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	source INTEGER, 
	thread TEXT, 
	digest BOOLEAN NOT NULL, 
	made_at BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	due BIGINT, 
	lease_until BIGINT, 
	lease_owner TEXT, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	first_at BIGINT, 
	last_at BIGINT, 
	sent_at BIGINT, 
	error TEXT, 
	left_to TEXT, 
	PRIMARY KEY ("key"), 
	UNIQUE (id), 
	FOREIGN KEY(source) REFERENCES sources ("key")
);

CREATE TABLE memories (
	subject TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	made_of BLOB NOT NULL, 
	made_by TEXT NOT NULL, 
	packed BLOB NOT NULL, 
	seal BLOB NOT NULL, 
	PRIMARY KEY (subject)
);

CREATE TABLE pages (
	first INTEGER NOT NULL, 
	place SMALLINT NOT NULL, 
	snapshot INTEGER NOT NULL, 
	PRIMARY KEY (first, place), 
	FOREIGN KEY(first) REFERENCES snapshots (number), 
	FOREIGN KEY(snapshot) REFERENCES snapshots (number)
);

CREATE TABLE signatures (
	source INTEGER NOT NULL, 
	layer SMALLINT NOT NULL, 
	method TEXT NOT NULL, 
	count INTEGER NOT NULL, 
	bits BLOB NOT NULL, 
	PRIMARY KEY (source, layer), 
	FOREIGN KEY(source) REFERENCES sources ("key")
);

CREATE TABLE "snapshots" (
	number INTEGER NOT NULL, 
	source INTEGER NOT NULL, 
	head INTEGER NOT NULL, 
	fetched_at BIGINT NOT NULL, 
	headers BLOB, 
	body INTEGER NOT NULL, 
	doubt TEXT, mark BLOB, 
	PRIMARY KEY (number), 
	FOREIGN KEY(source) REFERENCES sources ("key"), 
	FOREIGN KEY(head) REFERENCES heads ("key"), 
	FOREIGN KEY(body) REFERENCES "bodies" ("key")
);

CREATE TABLE sources (
	"key" INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	url TEXT NOT NULL, 
	series TEXT, 
	tags TEXT DEFAULT '' NOT NULL, 
	baseline TEXT, 
	declared_at BIGINT NOT NULL, 
	retired_at BIGINT, 
	next_check BIGINT, 
	lease_until BIGINT, 
	lease_owner TEXT, 
	etag TEXT, 
	last_modified TEXT, 
	final_url TEXT, 
	number INTEGER, 
	digest BLOB, 
	length INTEGER DEFAULT '0' NOT NULL, 
	reader TEXT, 
	snapshot INTEGER, 
	chain BLOB, 
	first_seen BIGINT, 
	last_good BIGINT, 
	last_change BIGINT, 
	last_check BIGINT, 
	last_outcome TEXT, 
	last_error TEXT, 
	failures INTEGER DEFAULT '0' NOT NULL, 
	failing_since BIGINT, 
	failing BOOLEAN DEFAULT 0 NOT NULL, 
	gone BOOLEAN DEFAULT 0 NOT NULL, 
	suspicion TEXT, 
	sealed_as TEXT, run_outcome TEXT, run_first BIGINT, run_count INTEGER DEFAULT '0' NOT NULL, held BLOB, told BLOB, sent BLOB, 
	PRIMARY KEY ("key"), 
	UNIQUE (id)
);

CREATE TABLE timestamps (
	number INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	authority TEXT NOT NULL, 
	heads BLOB NOT NULL, 
	token BLOB NOT NULL, mark BLOB, 
	PRIMARY KEY (number)
);

CREATE TABLE verdicts (
	"key" INTEGER NOT NULL, 
	outcome TEXT NOT NULL, 
	severity SMALLINT, 
	silent BOOLEAN NOT NULL, 
	reread BOOLEAN NOT NULL, 
	differ TEXT, 
	kinds TEXT, 
	PRIMARY KEY ("key")
);

CREATE TABLE "versions" (
	"key" INTEGER NOT NULL, 
	source INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	digest BLOB NOT NULL, 
	heading INTEGER NOT NULL, 
	verdict INTEGER NOT NULL, 
	back SMALLINT NOT NULL, 
	packed BLOB NOT NULL, 
	snapshot INTEGER NOT NULL, 
	imported BIGINT, 
	"after" BIGINT, 
	"before" BIGINT, 
	looks INTEGER, 
	chain BLOB NOT NULL, mark BLOB, 
	PRIMARY KEY ("key"), 
	FOREIGN KEY(source) REFERENCES sources ("key"), 
	FOREIGN KEY(heading) REFERENCES "headings" ("key"), 
	FOREIGN KEY(verdict) REFERENCES verdicts ("key"), 
	FOREIGN KEY(snapshot) REFERENCES "snapshots" (number)
);

CREATE INDEX ledger_source ON ledger (source, version);

CREATE INDEX found_listing ON found (listing);

CREATE TRIGGER pages_no_update BEFORE UPDATE ON pages BEGIN SELECT RAISE(ABORT, 'pages is append-only'); END;

CREATE TRIGGER pages_no_delete BEFORE DELETE ON pages BEGIN SELECT RAISE(ABORT, 'pages is append-only'); END;

CREATE TRIGGER timestamps_no_delete BEFORE DELETE ON timestamps BEGIN SELECT RAISE(ABORT, 'timestamps is append-only'); END;

CREATE INDEX letters_due ON letters (due) WHERE state = 'waiting';

CREATE INDEX letters_channel ON letters (channel, source, made_at);

CREATE UNIQUE INDEX deliveries_alert ON deliveries (alert, channel);

CREATE INDEX deliveries_letter ON deliveries (letter);

CREATE INDEX deliveries_due ON deliveries (due) WHERE letter IS NULL AND fate IS NULL;

CREATE TRIGGER alerts_no_delete BEFORE DELETE ON alerts BEGIN SELECT RAISE(ABORT, 'alerts is append-only'); END;

CREATE INDEX sources_due ON sources ((CASE WHEN (lease_until > next_check) THEN lease_until ELSE next_check END)) WHERE retired_at IS NULL;

CREATE UNIQUE INDEX versions_number ON versions (source, number);

CREATE TRIGGER heads_no_update BEFORE UPDATE ON heads BEGIN SELECT RAISE(ABORT, 'heads is append-only'); END;

CREATE TRIGGER heads_no_delete BEFORE DELETE ON heads BEGIN SELECT RAISE(ABORT, 'heads is append-only'); END;

CREATE TRIGGER verdicts_no_update BEFORE UPDATE ON verdicts BEGIN SELECT RAISE(ABORT, 'verdicts is append-only'); END;

CREATE TRIGGER verdicts_no_delete BEFORE DELETE ON verdicts BEGIN SELECT RAISE(ABORT, 'verdicts is append-only'); END;

CREATE TRIGGER bodies_no_update BEFORE UPDATE ON bodies BEGIN SELECT RAISE(ABORT, 'bodies is append-only'); END;

CREATE TRIGGER bodies_no_delete BEFORE DELETE ON bodies BEGIN SELECT RAISE(ABORT, 'bodies is append-only'); END;

CREATE TRIGGER snapshots_no_delete BEFORE DELETE ON snapshots BEGIN SELECT RAISE(ABORT, 'snapshots is append-only'); END;

CREATE TRIGGER headings_no_update BEFORE UPDATE ON headings BEGIN SELECT RAISE(ABORT, 'headings is append-only'); END;

CREATE TRIGGER headings_no_delete BEFORE DELETE ON headings BEGIN SELECT RAISE(ABORT, 'headings is append-only'); END;

CREATE TRIGGER versions_no_delete BEFORE DELETE ON versions BEGIN SELECT RAISE(ABORT, 'versions is append-only'); END;

CREATE TRIGGER snapshots_no_update BEFORE UPDATE ON snapshots BEGIN SELECT RAISE(ABORT, 'snapshots is append-only'); END;

CREATE TRIGGER versions_no_update BEFORE UPDATE ON versions BEGIN SELECT RAISE(ABORT, 'versions is append-only'); END;

CREATE TRIGGER timestamps_no_update BEFORE UPDATE ON timestamps BEGIN SELECT RAISE(ABORT, 'timestamps is append-only'); END;

CREATE TRIGGER heads_no_replace BEFORE INSERT ON heads WHEN EXISTS (SELECT 1 FROM heads WHERE key = NEW.key) BEGIN SELECT RAISE(ABORT, 'heads is append-only'); END;

CREATE TRIGGER verdicts_no_replace BEFORE INSERT ON verdicts WHEN EXISTS (SELECT 1 FROM verdicts WHERE key = NEW.key) BEGIN SELECT RAISE(ABORT, 'verdicts is append-only'); END;

CREATE TRIGGER bodies_no_replace BEFORE INSERT ON bodies WHEN EXISTS (SELECT 1 FROM bodies WHERE key = NEW.key) BEGIN SELECT RAISE(ABORT, 'bodies is append-only'); END;

CREATE TRIGGER snapshots_no_replace BEFORE INSERT ON snapshots WHEN EXISTS (SELECT 1 FROM snapshots WHERE number = NEW.number) BEGIN SELECT RAISE(ABORT, 'snapshots is append-only'); END;

CREATE TRIGGER headings_no_replace BEFORE INSERT ON headings WHEN EXISTS (SELECT 1 FROM headings WHERE key = NEW.key) BEGIN SELECT RAISE(ABORT, 'headings is append-only'); END;

CREATE TRIGGER versions_no_replace BEFORE INSERT ON versions WHEN EXISTS (SELECT 1 FROM versions WHERE key = NEW.key OR (source = NEW.source AND number = NEW.number)) BEGIN SELECT RAISE(ABORT, 'versions is append-only'); END;

CREATE TRIGGER pages_no_replace BEFORE INSERT ON pages WHEN EXISTS (SELECT 1 FROM pages WHERE first = NEW.first AND place = NEW.place) BEGIN SELECT RAISE(ABORT, 'pages is append-only'); END;

CREATE TRIGGER timestamps_no_replace BEFORE INSERT ON timestamps WHEN EXISTS (SELECT 1 FROM timestamps WHERE number = NEW.number) BEGIN SELECT RAISE(ABORT, 'timestamps is append-only'); END;

CREATE TRIGGER alerts_no_replace BEFORE INSERT ON alerts WHEN EXISTS (SELECT 1 FROM alerts WHERE key = NEW.key OR id = NEW.id) BEGIN SELECT RAISE(ABORT, 'alerts is append-only'); END;

CREATE INDEX bodies_prefix ON bodies (substr(digest, 1, 3));

CREATE INDEX versions_pruned ON versions (source) WHERE length(packed) = 0;

CREATE TRIGGER alerts_no_update BEFORE UPDATE ON alerts BEGIN SELECT RAISE(ABORT, 'alerts is append-only'); END;

CREATE INDEX events_source ON events (source);

CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;

CREATE TRIGGER events_no_replace BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE number = NEW.number) BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;

CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
