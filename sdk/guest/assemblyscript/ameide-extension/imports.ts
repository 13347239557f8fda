// The three functions that the platform offers. One that no code reaches is not imported.

@external("env", "host_log")
export declare function host_log(level: i32, ptr: usize, len: i32): void;

@external("env", "host_context")
export declare function host_context(): i64;

@external("env", "host_call")
export declare function host_call(ptr: usize, len: i32): i64;
