module github.com/fanfarehq/fanfare/compat

go 1.26
