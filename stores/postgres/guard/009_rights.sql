-- Who may do what with the guard itself. Rights on governed tables are granted per schedule by
-- `retain store install`, which knows the tables.
revoke all on all functions in schema retain_guard from public;
revoke all on all tables in schema retain_guard from public, retain_app, retain_worker, retain_auditor;

grant select on all tables in schema retain_guard to retain_app;
grant insert on retain_guard.planned to retain_app;
grant execute on function
  retain_guard.schema_sha256(text[]),
  retain_guard.barrier_key(),
  retain_guard.planned_sha256(uuid, integer),
  retain_guard.adopt_schedule(integer),
  retain_guard.register_plan(text, text, text[], jsonb),
  retain_guard.decide_plan(uuid, text, text, text),
  retain_guard.open_run(uuid, text),
  retain_guard.control_run(uuid, text, text, text),
  retain_guard.close_run(uuid, text, jsonb),
  retain_guard.open_matter(text, text, text),
  retain_guard.place_hold(text, text, text, text, date, text[], text[], text[], text[]),
  retain_guard.release_hold(bigint, text, text),
  retain_guard.find_ref(uuid, text, bytea)
to retain_app;

grant select on
  retain_guard.plan, retain_guard.step, retain_guard.lane, retain_guard.run, retain_guard.decision,
  retain_guard.batch, retain_guard.batch_staged, retain_guard.batch_sealed, retain_guard.installation
to retain_worker;
grant execute on function
  retain_guard.claim_lane(uuid, integer, integer),
  retain_guard.dispose_batch(uuid, integer, integer, bigint, integer),
  retain_guard.register_epoch(text, bytea),
  retain_guard.seal_batch(uuid, text, bytea, bytea, text, boolean)
to retain_worker;

grant select on
  retain_guard.installation, retain_guard.plan, retain_guard.step, retain_guard.lane, retain_guard.decision,
  retain_guard.run, retain_guard.batch, retain_guard.batch_sealed, retain_guard.matter, retain_guard.hold, retain_guard.schedule_in_force,
  retain_guard.key_epoch
to retain_auditor;
grant execute on function retain_guard.find_ref(uuid, text, bytea) to retain_auditor;
