module extensions.local/vat

go 1.23

require ameide.dev/extension v1.0.0
