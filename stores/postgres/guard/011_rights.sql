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
  retain_guard.close_run(uuid, text, jsonb, bigint),
  retain_guard.open_matter(text, text, text),
  retain_guard.place_hold(text, text, text, text, date, text[], text[], text[], text[]),
  retain_guard.release_hold(bigint, text, text),
  retain_guard.note_writers(bigint),
  retain_guard.confirm_freeze(bigint),
  retain_guard.find_ref(uuid, text, bytea),
  retain_guard.resume_after(bigint, uuid[], bigint[], bigint[], bigint, bigint),
  retain_guard.revoke_signer(text),
  retain_guard.require_epoch_over(text, bytea, boolean),
  retain_guard.destroy_epoch_by_hand(text, bytea)
to retain_app;

grant select on
  retain_guard.plan, retain_guard.step, retain_guard.lane, retain_guard.run, retain_guard.decision,
  retain_guard.batch, retain_guard.batch_staged, retain_guard.batch_sealed, retain_guard.installation,
  retain_guard.event, retain_guard.event_state
to retain_worker;
grant execute on function
  retain_guard.claim_lane(uuid, integer, integer),
  retain_guard.dispose_batch(uuid, integer, integer, bigint, integer),
  retain_guard.register_epoch(text, bytea, date),
  retain_guard.require_epoch_over(text, bytea, boolean),
  retain_guard.destroy_epoch_on_date(text, bytea),
  retain_guard.seal_batch(uuid, text, bytea, bytea, text, boolean),
  retain_guard.mark_integrated(uuid[], bigint[], bigint[], bigint[])
to retain_worker;

grant select on
  retain_guard.installation, retain_guard.plan, retain_guard.step, retain_guard.lane, retain_guard.decision,
  retain_guard.run, retain_guard.batch, retain_guard.batch_sealed, retain_guard.matter, retain_guard.hold, retain_guard.schedule_in_force,
  retain_guard.key_epoch, retain_guard.event, retain_guard.event_state, retain_guard.hold_state, retain_guard.hold_reach,
  retain_guard.revoked_signer
to retain_auditor;
-- How much is under a hold is the auditor's to compare with the ledger; which records and people is not.
grant select (record_class, hold_no) on retain_guard.hold_key to retain_auditor;
grant select (subject_kind, hold_no) on retain_guard.hold_subject to retain_auditor;
-- So is whether keys are there that must be gone; which keys is not.
grant select (batch_id, run_id, step_no, lane_no, executed_at) on retain_guard.batch_staged to retain_auditor;
grant select (run_id, step_no) on retain_guard.planned to retain_auditor;
grant execute on function
  retain_guard.find_ref(uuid, text, bytea),
  retain_guard.planned_sha256(uuid, integer)
to retain_auditor;
