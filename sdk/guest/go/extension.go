// Package extension is the guest SDK for Go: an extension is one function
// with typed input and output, handed to the package of its kind.
//
//	package main
//
//	import (
//		"ameide.dev/extension"
//		"ameide.dev/extension/domainhook"
//	)
//
//	type Order struct {
//		Quantity uint32 `json:"quantity"`
//	}
//
//	func init() { domainhook.Handle(evaluate) }
//
//	func evaluate(ctx extension.Context, order Order) (extension.Verdict, error) {
//		var verdict extension.Verdict
//		if order.Quantity > 100 {
//			verdict.Error("QUANTITY_TOO_LARGE", "At most 100 pieces can be ordered at once.", "/quantity")
//		}
//		return verdict, nil
//	}
//
//	func main() {}
//
// The packages domainhook, processhook and agenttool each hold one Handle.
// Input that does not fit the type never reaches the function; package json
// says what fits. An instance answers one call and is thrown away: there is
// no state between calls, no file, no network, no clock and no environment.
//
// Outside of the sandbox (`go test` of an extension) the context is a fixed
// one, logs go to stderr and every host call is denied.
package extension

import (
	"strconv"

	"ameide.dev/extension/internal/wit"
)

// HookError says why an extension gives no result. Any other error is a
// failure of the extension's own.
type HookError struct {
	Reason Reason
	Text   string
}

// Reason tells whose matter an error is.
type Reason uint8

const (
	// ReasonRejected is a business rejection, shown to the user as it stands.
	ReasonRejected Reason = iota
	// ReasonInvalidInput is an input that this extension does not expect.
	ReasonInvalidInput
	// ReasonFailed is the extension's own failure; the text goes to its author.
	ReasonFailed
)

func (e *HookError) Error() string { return e.Text }

// Rejected is a business rejection: what the user reads. The parts are put
// together as [Text] does.
func Rejected(parts ...any) error { return &HookError{ReasonRejected, Text(parts...)} }

// InvalidInput says what is wrong with the input.
func InvalidInput(parts ...any) error { return &HookError{ReasonInvalidInput, Text(parts...)} }

// Failed says why the extension could not do its work.
func Failed(parts ...any) error { return &HookError{ReasonFailed, Text(parts...)} }

// Text puts strings, numbers, errors and what has a String method together,
// without spaces between them. It does what fmt.Sprint is mostly used for,
// and brings nothing of fmt along.
func Text(parts ...any) string {
	var out []byte
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			out = append(out, part...)
		case error:
			out = append(out, part.Error()...)
		case interface{ String() string }:
			out = append(out, part.String()...)
		case bool:
			out = strconv.AppendBool(out, part)
		case int:
			out = strconv.AppendInt(out, int64(part), 10)
		case int32:
			out = strconv.AppendInt(out, int64(part), 10)
		case int64:
			out = strconv.AppendInt(out, part, 10)
		case uint:
			out = strconv.AppendUint(out, uint64(part), 10)
		case uint32:
			out = strconv.AppendUint(out, uint64(part), 10)
		case uint64:
			out = strconv.AppendUint(out, part, 10)
		case float64:
			out = appendFloat(out, part)
		default:
			out = append(out, '?')
		}
	}
	return string(out)
}

func appendFloat(out []byte, value float64) []byte {
	if whole := int64(value); value < 1e15 && value > -1e15 && float64(whole) == value {
		return strconv.AppendInt(out, whole, 10)
	}
	return strconv.AppendFloat(out, value, 'f', -1, 64)
}

// Context is the running call's.
type Context struct{ point string }

// At is a context with a hook point or a task: for tests of a rule, and for
// the packages of the kinds.
func At(point string) Context { return Context{point} }

// Point is the hook point of a domain hook, the task of a process hook and
// the tool's name of a tool: what the caller named.
func (c Context) Point() string {
	if c.point == "" {
		return c.Execution().HookPoint
	}
	return c.point
}

// Execution asks the host who calls: one crossing of the sandbox's border.
func (c Context) Execution() Execution {
	known := wit.Current()
	return Execution{
		TenantID: known.TenantID, OrgID: known.OrgID, UserID: known.UserID, ActorType: ActorType(known.ActorType),
		SessionID: known.SessionID, CorrelationID: known.CorrelationID, Env: known.Env, RiskTier: RiskTier(known.RiskTier),
		ExtensionID: known.ExtensionID, Version: known.Version, HookPoint: known.HookPoint, DeadlineMS: known.DeadlineMS,
	}
}

// Execution is the identity that every effect of this call happens under.
type Execution struct {
	TenantID string
	// OrgID is the organisation within the tenant; empty where none is named.
	OrgID     string
	UserID    string
	ActorType ActorType
	// SessionID is the caller's session; empty where none is named.
	SessionID string
	// CorrelationID ties the logs of one business operation together.
	CorrelationID string
	// Env is dev, staging or prod.
	Env         string
	RiskTier    RiskTier
	ExtensionID string
	Version     uint64
	// HookPoint is the named place in the primitive that called.
	HookPoint string
	// DeadlineMS is the time until the call is ended, from its start.
	DeadlineMS uint32
}

// ActorType is who stands behind the call.
type ActorType uint8

// In the order of the WIT.
const (
	User ActorType = iota
	Agent
	System
)

var actorTypes = [...]string{"USER", "AGENT", "SYSTEM"}

// String is the word that the platform's APIs use.
func (a ActorType) String() string { return actorTypes[a] }

// RiskTier decides an extension's host calls and its approvals.
type RiskTier uint8

// In the order of the WIT.
const (
	Low RiskTier = iota
	Medium
	High
)

var riskTiers = [...]string{"low", "medium", "high"}

// String is the word that extension.toml uses.
func (r RiskTier) String() string { return riskTiers[r] }
