//! What compilers take more than linear time or memory for in one function.

use wasmparser::{BinaryReaderError, FunctionBody, Operator};

use super::counts::Counts;
use crate::{limits, place::FunctionAt};

/// Measures one function in a pass over its operators.
pub(super) fn measure(body: &FunctionBody<'_>, at: FunctionAt, counts: &mut Counts) -> Result<(), BinaryReaderError> {
    let bytes = body.range().len() as u64;
    counts.largest.bytes.see(bytes, at);
    if bytes > limits::FUNCTION_BYTES_MAX {
        return Ok(());
    }
    let mut locals = 0_u64;
    for group in body.get_locals_reader()? {
        locals = locals.saturating_add(u64::from(group?.0));
    }
    counts.largest.locals.see(locals, at);
    let (mut depth, mut depth_max, mut targets) = (0_u64, 0_u64, 0_u64);
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                depth += 1;
                depth_max = depth_max.max(depth);
            }
            Operator::End => depth = depth.saturating_sub(1),
            Operator::BrTable { targets: table } => targets += u64::from(table.len()),
            Operator::MemoryGrow { .. } => counts.grows_memory = true,
            _ => {}
        }
    }
    counts.largest.block_depth.see(depth_max, at);
    counts.largest.br_table_targets.see(targets, at);
    Ok(())
}
