// Converts lengths between units.
package main

import (
	_ "embed"

	"ameide.dev/extension"
	"ameide.dev/extension/agenttool"
)

//go:embed schemas/input.json
var input string

//go:embed schemas/output.json
var output string

// Conversion is what the model gives; schemas/input.json says the same.
type Conversion struct {
	Value float64 `json:"value"`
	From  string  `json:"from" enum:"metre,foot,mile"`
	To    string  `json:"to" enum:"metre,foot,mile"`
}

// Converted is what it gets; schemas/output.json says the same.
type Converted struct {
	Value float64 `json:"value"`
}

func init() {
	agenttool.Handle(agenttool.Description{
		Name:        "{{tool}}",
		Description: "Converts a length from one unit to another: metre, foot or mile.",
		Input:       input,
		Output:      output,
	}, call)
}

func call(_ extension.Context, conversion Conversion) (Converted, error) {
	if conversion.Value < 0 {
		return Converted{}, extension.Rejected("A length is not negative.")
	}
	return Converted{Value: conversion.Value * metres(conversion.From) / metres(conversion.To)}, nil
}

func metres(unit string) float64 {
	switch unit {
	case "foot":
		return 0.3048
	case "mile":
		return 1609.344
	default:
		return 1
	}
}

func main() {}
