package pages_test

// press clicks the button or link with a text.
func (b *tab) press(text string) {
	b.t.Helper()
	if !b.clicks(`[...document.querySelectorAll("button, a, summary")].find(e => e.innerText.trim() === ` + quoted(text) + ` && e.offsetParent)`) {
		b.t.Fatalf("there is no %q to press: %s", text, eval[string](b, `document.body.innerText`))
	}
}

// click clicks the first element of a selector.
func (b *tab) click(selector string) {
	b.t.Helper()
	if !b.clicks(`document.querySelector(` + quoted(selector) + `)`) {
		b.t.Fatalf("there is no %s to click: %s", selector, eval[string](b, `document.body.innerText`))
	}
}

// clicks clicks the element that an expression finds, once the page is whole, and reports
// whether there was one. If it leads to another page, that page is there afterwards: what
// is filled in next would be lost with this one.
func (b *tab) clicks(one string) bool {
	if !b.soon(`(() => {
		const one = document.readyState === "complete" && (` + one + `);
		if (!one) return false;
		const link = one.closest("a[href]"), button = one.closest("button"), form = button && button.type === "submit" && button.form;
		let leaves = link && !link.target && !link.hasAttribute("download") && link.href.split("#")[0] !== location.href.split("#")[0]
			|| form && (form.noValidate || button.formNoValidate || form.checkValidity());
		const heed = e => { if (e.defaultPrevented) leaves = false; };
		for (const kind of ["click", "submit"]) addEventListener(kind, heed);
		one.click();
		for (const kind of ["click", "submit"]) removeEventListener(kind, heed);
		window.left = !!leaves;
		return true;
	})()`) {
		return false
	}
	return b.soon(`!window.left && document.readyState === "complete"`)
}

// fill gives a field a value as if it was typed.
func (b *tab) fill(name, value string) {
	b.t.Helper()
	if !b.soon(`(() => {
		const f = document.readyState === "complete" && document.querySelector("[name='" + ` + quoted(name) + ` + "']");
		if (!f) return false;
		const text = ` + quoted(value) + `;
		const option = [...f.options || []].find(o => o.value === text || o.text.toLowerCase() === text);
		if (f.options && !option) return false;
		f.value = option ? option.value : text;
		f.dispatchEvent(new Event("input", {bubbles: true}));
		f.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})()`) {
		b.t.Fatalf("there is no field %q that can be %q: %s", name, value, eval[string](b, `document.body.innerText`))
	}
}
