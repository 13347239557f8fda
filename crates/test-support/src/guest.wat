;; What every guest of a test has. Memory: return areas below 1 KiB, fixed
;; texts from 1 KiB, named texts from 4 KiB, the output buffer from 32 KiB, the
;; heap from 64 KiB.
(global $heap (mut i32) (i32.const 65536))
(global $out (mut i32) (i32.const 32768))
(data (i32.const 1024) "{\"n\":}")

;; A bump allocator: an instance is used once, so nothing is freed.
(func $bump (param $align i32) (param $len i32) (result i32)
  (local $at i32)
  (local.set $at
    (i32.and
      (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
  (global.set $heap (i32.add (local.get $at) (local.get $len)))
  (block $fits
    (loop $more
      (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
      (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable)))
      (br $more)))
  (local.get $at))

;; The error side of every result that a world exports.
(func $fail (param $which i32) (param $ptr i32) (param $len i32) (result i32)
  (i32.store8 (i32.const 16) (i32.const 1))
  (i32.store8 (i32.const 20) (local.get $which))
  (i32.store (i32.const 24) (local.get $ptr))
  (i32.store (i32.const 28) (local.get $len))
  (i32.const 16))

(func $put (param $ptr i32) (param $len i32)
  (memory.copy (global.get $out) (local.get $ptr) (local.get $len))
  (global.set $out (i32.add (global.get $out) (local.get $len))))

(func $put_number (param $n i64)
  (if (i64.ge_u (local.get $n) (i64.const 10))
    (then (call $put_number (i64.div_u (local.get $n) (i64.const 10)))))
  (i64.store8 (global.get $out) (i64.add (i64.const 48) (i64.rem_u (local.get $n) (i64.const 10))))
  (global.set $out (i32.add (global.get $out) (i32.const 1))))

(func $written (result i32 i32)
  (i32.const 32768)
  (i32.sub (global.get $out) (i32.const 32768)))

(func $number (param $n i64) (result i32 i32)
  (call $put (i32.const 1024) (i32.const 5))
  (call $put_number (local.get $n))
  (call $put (i32.const 1029) (i32.const 1))
  (call $written))
