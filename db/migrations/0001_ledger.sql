CREATE TABLE "retain"."log_checkpoint" (
	"size" bigint PRIMARY KEY NOT NULL,
	"note" text NOT NULL,
	"signed_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "retain"."log_kept" (
	"batch_id" uuid PRIMARY KEY NOT NULL,
	"header" "bytea" NOT NULL,
	"refs" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "retain"."log_lane" (
	"source" text NOT NULL,
	"run_id" uuid NOT NULL,
	"step" integer NOT NULL,
	"lane" integer NOT NULL,
	"seq" integer NOT NULL,
	"header_sha256" "bytea" NOT NULL,
	CONSTRAINT "log_lane_source_run_id_step_lane_pk" PRIMARY KEY("source","run_id","step","lane")
);
--> statement-breakpoint
CREATE TABLE "retain"."log_outbox" (
	"no" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "retain"."log_outbox_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"body" jsonb,
	"names" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"entry" "bytea",
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"first_index" bigint,
	CONSTRAINT "log_outbox_first_index_unique" UNIQUE("first_index")
);
--> statement-breakpoint
CREATE TABLE "retain"."log_seq" (
	"first_index" bigint PRIMARY KEY NOT NULL,
	"leaves" integer NOT NULL,
	"source" text NOT NULL,
	"kind" text NOT NULL,
	"n" bigint,
	"batch_id" uuid,
	"entry" "bytea",
	CONSTRAINT "log_seq_batch_id_unique" UNIQUE("batch_id"),
	CONSTRAINT "batch_or_statement" CHECK (num_nonnulls("retain"."log_seq"."batch_id", "retain"."log_seq"."entry") = 1),
	CONSTRAINT "some_leaves" CHECK ("retain"."log_seq"."leaves" > 0)
);
--> statement-breakpoint
CREATE TABLE "retain"."log_source" (
	"source" text PRIMARY KEY NOT NULL,
	"n" bigint NOT NULL,
	"entry_sha256" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "retain"."log_state" (
	"only_row" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"origin" text NOT NULL,
	"size" bigint NOT NULL,
	"root" "bytea" NOT NULL,
	"open" "bytea" NOT NULL,
	CONSTRAINT "one_log" CHECK ("retain"."log_state"."only_row")
);
--> statement-breakpoint
CREATE TABLE "retain"."log_tile" (
	"level" smallint NOT NULL,
	"tile_index" bigint NOT NULL,
	"hashes" "bytea" NOT NULL,
	CONSTRAINT "log_tile_level_tile_index_pk" PRIMARY KEY("level","tile_index")
);
--> statement-breakpoint
CREATE TABLE "retain"."log_timestamp" (
	"size" bigint PRIMARY KEY NOT NULL,
	"note" text NOT NULL,
	"response" "bytea" NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "log_seq_by_source" ON "retain"."log_seq" USING btree ("source","n");