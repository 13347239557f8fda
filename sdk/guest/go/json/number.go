package json

import "strconv"

// exactPowers are powers of ten that a float64 holds exactly.
var exactPowers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// parseFloat reads a number's text. One division or product of two exact
// numbers is rounded once, as it must be; the rest is strconv's.
func parseFloat(text []byte) (float64, bool) {
	if value, ok := shortFloat(text); ok {
		return value, true
	}
	value, err := strconv.ParseFloat(string(text), 64)
	return value, err == nil
}

func shortFloat(text []byte) (float64, bool) {
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	var digits uint64
	after := -1
	for at, char := range text {
		switch {
		case char == '.':
			after = len(text) - at - 1
		case char-'0' <= 9:
			digits = digits*10 + uint64(char-'0')
		default:
			return 0, false
		}
	}
	// 15 digits are below 2^53.
	if len(text) > 16 || after > 15 {
		return 0, false
	}
	value := float64(digits)
	if after > 0 {
		value /= exactPowers[after]
	}
	if digits >= 1<<53 {
		return 0, false
	}
	if negative {
		value = -value
	}
	return value, true
}

// parseInt reads a whole number: its size and its sign.
func parseInt(text []byte) (size uint64, negative, ok bool) {
	if text[0] == '-' {
		negative, text = true, text[1:]
	}
	if len(text) > 20 {
		return 0, negative, false
	}
	for _, char := range text {
		digit := uint64(char - '0')
		if digit > 9 || size > (1<<64-1-digit)/10 {
			return 0, negative, false
		}
		size = size*10 + digit
	}
	return size, negative, true
}

// appendFloat writes the shortest text that reads as the same number.
func appendFloat(out []byte, value float64) ([]byte, bool) {
	if whole := int64(value); value < 1e15 && value > -1e15 && float64(whole) == value {
		return strconv.AppendInt(out, whole, 10), true
	}
	size := value
	if size < 0 {
		size = -size
	}
	if !(size <= 1.7976931348623157e308) {
		return out, false
	}
	format := byte('f')
	if size < 1e-6 || size >= 1e21 {
		format = 'e'
	}
	return strconv.AppendFloat(out, value, format, -1, 64), true
}
