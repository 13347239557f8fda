;; A process hook of the plain ABI, without any toolchain (docs/abi.md).
;;
;; Reads the variable "daysOverdue" and sets "reminderLevel": 0 while nothing is
;; overdue, 1 up to 14 days, 2 up to 30, then 3.
;;
;; It looks for the name in the text instead of parsing JSON: short, and good
;; enough where no other variable's text holds the name in quotes.
(module
  (memory (export "memory") 1)

  ;; Texts first, then everything that alloc hands out.
  (data (i32.const 16) "\"daysOverdue\"")
  (data (i32.const 64) "{\"reminderLevel\":0}")
  (data (i32.const 128) "{\"$error\":{\"invalid_input\":\"daysOverdue must be a whole number of days\"}}")
  (global $heap (mut i32) (i32.const 1024))

  ;; A block that nobody else has; 0 when there is no memory left. Nothing is
  ;; ever freed: an instance answers one call.
  (func $alloc (export "alloc") (param $len i32) (result i32)
    (local $at i32) (local $end i32)
    (local.set $at (global.get $heap))
    (local.set $end (i32.add (local.get $at) (local.get $len)))
    (if (i32.lt_u (local.get $end) (local.get $at)) (then (return (i32.const 0))))
    (if (i32.gt_u (local.get $end) (i32.shl (memory.size) (i32.const 16)))
      (then
        (if (i32.eq (memory.grow (i32.add (i32.shr_u (local.get $len) (i32.const 16)) (i32.const 1))) (i32.const -1))
          (then (return (i32.const 0))))))
    (global.set $heap (local.get $end))
    (local.get $at))

  (func (export "dealloc") (param $ptr i32) (param $len i32))

  ;; Pointer and length as one number, as run returns them.
  (func $answer (param $ptr i32) (param $len i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32)) (i64.extend_i32_u (local.get $len))))

  ;; Whether the 13 bytes of the name begin at $at.
  (func $is_name (param $at i32) (result i32)
    (i32.and
      (i64.eq (i64.load (local.get $at)) (i64.load (i32.const 16)))
      (i64.eq (i64.load offset=5 (local.get $at)) (i64.load offset=5 (i32.const 16)))))

  ;; The byte at $at, and 0 from $end on.
  (func $byte (param $at i32) (param $end i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $at) (local.get $end)) (then (i32.load8_u (local.get $at))) (else (i32.const 0))))

  ;; The first byte from $at on that is no white space.
  (func $after_space (param $at i32) (param $end i32) (result i32)
    (loop $next
      (if (i32.and
            (i32.lt_u (local.get $at) (local.get $end))
            (i32.le_u (call $byte (local.get $at) (local.get $end)) (i32.const 32)))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (local.get $at))

  ;; The whole number that follows ": "; -1 when there is none, at most 1000000.
  (func $number (param $at i32) (param $end i32) (result i32)
    (local $value i32) (local $digit i32) (local $digits i32)
    (local.set $at (call $after_space (local.get $at) (local.get $end)))
    (if (i32.ne (call $byte (local.get $at) (local.get $end)) (i32.const 58)) (then (return (i32.const -1))))
    (local.set $at (call $after_space (i32.add (local.get $at) (i32.const 1)) (local.get $end)))
    (loop $next
      (local.set $digit (i32.sub (call $byte (local.get $at) (local.get $end)) (i32.const 48)))
      (if (i32.lt_u (local.get $digit) (i32.const 10))
        (then
          (local.set $value (i32.add (i32.mul (local.get $value) (i32.const 10)) (local.get $digit)))
          (if (i32.gt_u (local.get $value) (i32.const 1000000)) (then (local.set $value (i32.const 1000000))))
          (local.set $digits (i32.const 1))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    ;; "1.5" and "1e3" are no whole numbers: what follows must end the value.
    (local.set $digit (call $byte (call $after_space (local.get $at) (local.get $end)) (local.get $end)))
    (if (i32.and
          (local.get $digits)
          (i32.or (i32.eq (local.get $digit) (i32.const 44)) (i32.eq (local.get $digit) (i32.const 125))))
      (then (return (local.get $value))))
    (i32.const -1))

  (func $level (param $days i32) (result i32)
    (i32.add
      (i32.add (i32.gt_u (local.get $days) (i32.const 0)) (i32.gt_u (local.get $days) (i32.const 14)))
      (i32.gt_u (local.get $days) (i32.const 30))))

  (func (export "run") (param $ptr i32) (param $len i32) (result i64)
    (local $at i32) (local $end i32) (local $days i32)
    (local.set $at (local.get $ptr))
    (local.set $end (i32.add (local.get $ptr) (local.get $len)))
    (local.set $days (i32.const -1))
    (block $found
      (loop $next
        (br_if $found (i32.gt_u (i32.add (local.get $at) (i32.const 13)) (local.get $end)))
        (if (call $is_name (local.get $at))
          (then
            (local.set $days (call $number (i32.add (local.get $at) (i32.const 13)) (local.get $end)))
            (br $found)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (if (i32.lt_s (local.get $days) (i32.const 0))
      (then (return (call $answer (i32.const 128) (i32.const 73)))))
    ;; The 0 in the answer's text becomes the level.
    (i32.store8 (i32.const 81) (i32.add (i32.const 48) (call $level (local.get $days))))
    (call $answer (i32.const 64) (i32.const 19))))
