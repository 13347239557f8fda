// Package wit is what the worlds of ameide:extensions@1.0.0 look like from
// inside of a guest: memory layouts of the canonical ABI, written by hand.
//
// They are four imports and four exports. Bindings made by a generator would
// bring a library of their own along and make it a part of every checkout
// that builds the platform; a test compares these with the WIT instead: a
// component is only made if every function has the type of its world.
package wit

// Severity is an enum of the WIT.
type Severity uint8

// Message is a record of the WIT.
type Message struct {
	Code     string
	Severity Severity
	Text     string
	Path     string
}

// Context is the record execution-context.
type Context struct {
	TenantID, OrgID, UserID, SessionID, CorrelationID, Env, ExtensionID, HookPoint string

	ActorType, RiskTier uint8
	Version             uint64
	DeadlineMS          uint32
}

// CallError is the variant call-error: the case and its text.
type CallError struct {
	Case uint8
	Text string
}
