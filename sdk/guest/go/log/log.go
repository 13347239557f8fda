// Package log writes lines to the tenant's own log stream.
//
// The parts of a line are put together as extension.Text does. Lines beyond
// the extension's quota are counted and dropped whole, never cut.
package log

import (
	"ameide.dev/extension"
	"ameide.dev/extension/internal/wit"
)

// Trace is for what only its author follows.
func Trace(parts ...any) { wit.Log(0, extension.Text(parts...)) }

// Debug is for looking for a fault.
func Debug(parts ...any) { wit.Log(1, extension.Text(parts...)) }

// Info is for what happened.
func Info(parts ...any) { wit.Log(2, extension.Text(parts...)) }

// Warn is for what someone should look at.
func Warn(parts ...any) { wit.Log(3, extension.Text(parts...)) }

// Error is for what went wrong.
func Error(parts ...any) { wit.Log(4, extension.Text(parts...)) }
