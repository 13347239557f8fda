package host

import (
	"errors"
	"strings"
	"testing"
)

func TestOutsideOfTheSandboxEveryCallIsDenied(t *testing.T) {
	_, err := Call[int]("orders", "get", 1)
	if !errors.Is(err, &Error{Kind: Denied}) || errors.Is(err, &Error{Kind: Deadline}) || !strings.HasPrefix(err.Error(), "host call: denied: orders.get") {
		t.Error(err)
	}
	if _, err := Call[int]("orders", "get", func() {}); !errors.Is(err, &Error{Kind: Unfit}) {
		t.Error(err)
	}
}
