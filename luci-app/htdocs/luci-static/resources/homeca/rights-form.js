'use strict';
'require baseclass';
'require homeca.household as household';
'require homeca.rights as rights';
'require homeca.words as words';

/* The form that grants a right: to whom, for which path, by which methods, said in words as it is typed. */

function option(value, title) {
	return E('option', { value }, [ title ]);
}

/** Fills the choice of targets and keeps what is chosen. */
function fillTargets(select, devices, own) {
	const chosen = select.value;
	const others = Array.from(devices.values()).filter((device) => device.id !== own);
	others.sort((a, b) => words.title(a).localeCompare(words.title(b)));
	const groups = household.groups(devices);
	// Nobody is chosen for the owner: a right for all is a large one to give by not looking.
	const parts = [ option('', _('choose whom')), option(rights.ALL, _('every device')) ];
	if (groups.length > 0)
		parts.push(E('optgroup', { 'label': _('Groups') },
			groups.map((name) => option(rights.groupTarget(name), _('the group %s').format(name)))));
	if (others.length > 0)
		parts.push(E('optgroup', { 'label': _('Devices') },
			others.map((device) => option(device.id, words.title(device)))));
	select.replaceChildren(...parts);
	const values = Array.from(select.options, ({ value }) => value);
	select.value = values.includes(chosen) ? chosen : '';
}

return baseclass.extend({
	/**
	 * Makes the form.
	 *
	 * @param {object} asked
	 * @param {string} asked.id - of the device that gets the right
	 * @param {string} asked.prefix - makes the ids of its fields its own
	 * @param {string|null} asked.to - the only target, or null for a choice
	 * @param {function(object): Promise} asked.grant - gives { to, path, methods }, methods with commas;
	 *   an Error it rejects with is shown
	 * @returns {{ node: Node, update: function(Map<string, object>) }} `update` tells who is there
	 */
	create(asked) {
		let devices = new Map();
		const nameOf = (id) => devices.has(id) ? words.title(devices.get(id)) : id;
		const target = E('select', { 'id': asked.prefix + '-to', 'class': 'cbi-input-select', 'change': () => preview() });
		const path = E('input', {
			'id': asked.prefix + '-path', 'type': 'text', 'class': 'cbi-input-text', 'maxlength': '255',
			'placeholder': '/temperature', 'autocomplete': 'off', 'spellcheck': 'false', 'input': () => preview()
		});
		const boxes = rights.METHODS.map((method) => E('input', {
			'type': 'checkbox', 'id': asked.prefix + '-' + method, 'value': method, 'change': () => preview()
		}));
		boxes[0].checked = true;
		const said = E('p', { 'class': 'homeca-preview', 'aria-live': 'polite' });
		const fault = E('div', { 'role': 'alert' });
		const button = E('button', { 'type': 'submit', 'class': 'btn cbi-button-positive' }, [ _('Grant') ]);

		const methods = () => boxes.filter((box) => box.checked).map((box) => box.value);
		const to = () => asked.to ?? target.value;
		const faultIn = () => (to() === '' ? _('Choose whom it may ask.') : null)
			?? rights.pathFault(path.value)
			?? (methods().length === 0 ? _('Choose what may be done.') : null);

		const preview = () => {
			const wrong = faultIn();
			button.disabled = wrong !== null;
			const right = { to: to(), path: path.value, methods: methods() };
			said.replaceChildren(E('bdi', {}, [ wrong ?? rights.sentence(nameOf(asked.id), right, nameOf) ]));
			said.classList.toggle('homeca-quiet', wrong !== null);
		};

		const submit = (event) => {
			event.preventDefault();
			if (faultIn() !== null) return;
			fault.replaceChildren();
			button.disabled = true;
			button.classList.add('spinning');
			const done = () => {
				button.classList.remove('spinning');
				preview();
			};
			asked.grant({ to: to(), path: path.value, methods: methods().join(',') }).then(() => {
				path.value = '';
				done();
				path.focus();
			}, (failure) => {
				fault.replaceChildren(E('p', { 'class': 'alert-message error' }, [ failure.message ]));
				done();
			});
		};

		const box = (at) => E('label', { 'class': 'homeca-check', 'for': boxes[at].id },
			[ boxes[at], ' ', _('%s (%s)').format(rights.verb(rights.METHODS[at]), rights.METHODS[at]) ]);
		const usual = rights.METHODS.slice(0, rights.USUAL).map((_method, at) => box(at));
		const more = rights.METHODS.slice(rights.USUAL).map((_method, at) => box(rights.USUAL + at));
		const field = (id, title, content) => E('div', { 'class': 'homeca-field' },
			[ E('label', { 'for': id }, [ title ]), content ]);

		const node = E('form', { 'class': 'homeca-form', 'submit': submit, 'novalidate': '' }, [
			asked.to === null ? field(target.id, _('It may ask'), target) : '',
			field(path.id, _('Path of what it may ask for'), path),
			E('fieldset', { 'class': 'homeca-field' }, [
				E('legend', {}, [ _('It may') ]),
				...usual,
				E('details', {}, [ E('summary', {}, [ _('More methods') ]), ...more ])
			]),
			said,
			fault,
			button
		]);

		return {
			node,
			update(known) {
				devices = known;
				if (asked.to === null) fillTargets(target, known, asked.id);
				preview();
			}
		};
	}
});
