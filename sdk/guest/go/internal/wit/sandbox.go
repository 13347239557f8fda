//go:build tinygo.wasm

package wit

import "unsafe"

// kept holds what the host wrote for this call: nothing else points to it yet.
var kept []unsafe.Pointer

// The host allocates strings and lists for the guest with this function.
//
//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	if size == 0 {
		return unsafe.Pointer(uintptr(align))
	}
	made := make([]byte, size)
	copy(made, unsafe.Slice((*byte)(old), oldSize))
	kept = append(kept, unsafe.Pointer(&made[0]))
	return unsafe.Pointer(&made[0])
}

//go:wasmimport ameide:extensions/context@1.0.0 current
func current(result unsafe.Pointer)

//go:wasmimport ameide:extensions/logging@1.0.0 log
func log(level uint32, text unsafe.Pointer, size uint32)

//go:wasmimport ameide:extensions/host-calls@1.0.0 call
func call(service unsafe.Pointer, serviceSize uint32, method unsafe.Pointer, methodSize uint32, request unsafe.Pointer, requestSize uint32, result unsafe.Pointer)

// Current asks the host for the context.
func Current() Context {
	// Aligned to 8 as the record is; offsets are those of its fields.
	var area [11]uint64
	at := unsafe.Pointer(&area)
	current(at)
	return Context{
		TenantID: str(at, 0), OrgID: str(at, 8), UserID: str(at, 16), ActorType: *(*uint8)(unsafe.Add(at, 24)),
		SessionID: str(at, 28), CorrelationID: str(at, 36), Env: str(at, 44), RiskTier: *(*uint8)(unsafe.Add(at, 52)),
		ExtensionID: str(at, 56), Version: area[8], HookPoint: str(at, 72), DeadlineMS: *(*uint32)(unsafe.Add(at, 80)),
	}
}

// Log appends a line to the tenant's log.
func Log(level uint8, text string) {
	log(uint32(level), unsafe.Pointer(unsafe.StringData(text)), uint32(len(text)))
}

// Call calls a platform API.
func Call(service, method string, request []byte) ([]byte, *CallError) {
	var area [4]uint32
	at := unsafe.Pointer(&area)
	call(unsafe.Pointer(unsafe.StringData(service)), uint32(len(service)), unsafe.Pointer(unsafe.StringData(method)), uint32(len(method)),
		unsafe.Pointer(unsafe.SliceData(request)), uint32(len(request)), at)
	if *(*uint8)(at) == 0 {
		return bytes(*(*unsafe.Pointer)(unsafe.Add(at, 4)), area[2]), nil
	}
	failed := &CallError{Case: *(*uint8)(unsafe.Add(at, 4))}
	if named := failed.Case != 1 && failed.Case != 4; named {
		failed.Text = str(at, 8)
	}
	return nil, failed
}

// str is the string whose pointer and length lie at an offset.
func str(area unsafe.Pointer, offset uintptr) string {
	size := *(*uint32)(unsafe.Add(area, offset+4))
	return unsafe.String(*(**byte)(unsafe.Add(area, offset)), size)
}

func bytes(start unsafe.Pointer, size uint32) []byte { return unsafe.Slice((*byte)(start), size) }

// Text and Bytes are arguments of an export: the host wrote them for this call alone.
func Text(start unsafe.Pointer, size uint32) string { return unsafe.String((*byte)(start), size) }

// Bytes is Text for a list<u8>.
func Bytes(start unsafe.Pointer, size uint32) []byte { return bytes(start, size) }

// result lies still until the host has read it.
var result [8]uint32

func address(start unsafe.Pointer) uint32 { return uint32(uintptr(start)) }

func put(at int, text string) {
	result[at], result[at+1] = address(unsafe.Pointer(unsafe.StringData(text))), uint32(len(text))
}

func putBytes(at int, text []byte) {
	result[at], result[at+1] = address(unsafe.Pointer(unsafe.SliceData(text))), uint32(len(text))
}

// Answer is result<list<u8>, hook-error> with a list.
func Answer(text []byte) unsafe.Pointer {
	result[0] = 0
	putBytes(1, text)
	return unsafe.Pointer(&result)
}

// Refuse is a result with a hook-error, of every world.
func Refuse(reason uint8, text string) unsafe.Pointer {
	result[0], result[1] = 1, uint32(reason)
	put(2, text)
	return unsafe.Pointer(&result)
}

// message is the record as it lies in memory: 28 bytes.
type message struct {
	code, codeSize, severity, text, textSize, path, pathSize uint32
}

// Judge is result<verdict, hook-error> with a verdict.
func Judge(ok bool, messages []Message, derived []byte) unsafe.Pointer {
	laid := make([]message, len(messages))
	for at := range messages {
		from, to := &messages[at], &laid[at]
		to.code, to.codeSize = address(unsafe.Pointer(unsafe.StringData(from.Code))), uint32(len(from.Code))
		to.severity = uint32(from.Severity)
		to.text, to.textSize = address(unsafe.Pointer(unsafe.StringData(from.Text))), uint32(len(from.Text))
		to.path, to.pathSize = address(unsafe.Pointer(unsafe.StringData(from.Path))), uint32(len(from.Path))
	}
	result[0], result[1] = 0, 0
	if ok {
		result[1] = 1
	}
	result[2], result[3] = address(unsafe.Pointer(unsafe.SliceData(laid))), uint32(len(laid))
	putBytes(4, derived)
	keptMessages = laid
	return unsafe.Pointer(&result)
}

var keptMessages []message

// Describe is the record tool-description.
func Describe(name, description, input, output string) unsafe.Pointer {
	put(0, name)
	put(2, description)
	put(4, input)
	put(6, output)
	return unsafe.Pointer(&result)
}
