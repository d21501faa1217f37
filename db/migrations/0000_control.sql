CREATE TABLE "retain"."run" (
	"run_id" uuid PRIMARY KEY NOT NULL,
	"store" text NOT NULL,
	"schedule_version" integer NOT NULL,
	"requested_by" text NOT NULL,
	"digest" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "retain"."schedule_version" (
	"version" integer PRIMARY KEY NOT NULL,
	"sha256" text NOT NULL,
	"document" text NOT NULL,
	"installed_by" text NOT NULL,
	"installed_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "version_counts_from_one" CHECK ("retain"."schedule_version"."version" > 0),
	CONSTRAINT "installed_by_somebody" CHECK (btrim("retain"."schedule_version"."installed_by") <> '')
);
--> statement-breakpoint
ALTER TABLE "retain"."run" ADD CONSTRAINT "run_schedule_version_schedule_version_version_fk" FOREIGN KEY ("schedule_version") REFERENCES "retain"."schedule_version"("version") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "run_by_time" ON "retain"."run" USING btree ("created_at","run_id");