'use strict';
'require view';
'require ui';
'require homeca.api as api';
'require homeca.live as live';
'require homeca.search as search';
'require homeca.saving as saving';
'require homeca.words as words';

/* What a phone or laptop needs to join, devices whose label is known, and lists of them. */

const PLATFORMS = [
	[ 'apple', _('iPhone, iPad or Mac') ],
	[ 'android', _('Android') ],
	[ 'windows', _('Windows') ],
	[ 'networkmanager', _('Linux with NetworkManager') ],
	[ 'wpa_supplicant', _('Linux with wpa_supplicant') ]
];

/* 20 characters of 32: 100 bits. None that are mistaken for each other. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
const PASSWORD_GROUPS = 4;
const GROUP_LENGTH = 5;
/* Of a list; the daemon takes no more at once. */
const MAX_LIST = 32000;

function newPassword() {
	const bytes = crypto.getRandomValues(new Uint8Array(PASSWORD_GROUPS * GROUP_LENGTH));
	const letters = Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join('');

	return letters.match(/.{5}/g).join('-');
}

function save({ name, type, base64 }) {
	saving.save(name, type, Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)));
}

/* The link as a picture, where LuCI's package for that is there. */
function picture(text) {
	return L.resolveDefault(L.require('uqr'), null).then((uqr) => uqr === null ? '' : E('img', {
		'class': 'homeca-qr',
		'alt': _('The link as a QR code'),
		'src': 'data:image/svg+xml;base64,' + btoa(uqr.renderSVG(text))
	}));
}

function field(id, label, content, hint) {
	return E('div', { 'class': 'homeca-field' }, [
		E('label', { 'for': id }, [ label ]),
		content,
		hint === undefined ? '' : E('div', { 'class': 'homeca-quiet' }, [ hint ])
	]);
}

function steps(sentences) {
	return E('ol', {}, sentences.map((sentence) => E('li', {}, [ sentence ])));
}

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	load() {
		return L.resolveDefault(api.call('status'), null);
	},

	render(status) {
		this.search = search.create();

		return E('div', { 'class': 'homeca' }, [
			live.style(),
			live.follow(() => api.call('status').then((now) => this.search.update(now.search))),
			E('h2', {}, [ _('Add') ]),
			E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ _('A phone or laptop') ]), this.phone(status) ]),
			E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ _('A device that speaks HomeCA') ]), this.device() ]),
			E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ _('A list of devices') ]), this.list() ])
		]);
	},

	phone(status) {
		const ssids = [ ...new Set((status?.accessPoints ?? []).map(({ ssid }) => ssid).filter(Boolean)) ];
		const name = E('input', { 'id': 'homeca-name', 'class': 'cbi-input-text', 'maxlength': 64, 'required': '', 'autocomplete': 'off' });
		const platform = E('select', { 'id': 'homeca-platform', 'class': 'cbi-input-select' },
			PLATFORMS.map(([ value, label ]) => E('option', { value }, [ label ])));
		const ssid = E('input', { 'id': 'homeca-ssid', 'class': 'cbi-input-text', 'maxlength': 32, 'required': '', 'list': 'homeca-ssids', 'value': ssids[0] ?? '' });
		const password = E('output', { 'id': 'homeca-password', 'class': 'homeca-code' }, [ newPassword() ]);
		const result = E('div', { 'role': 'status' });

		const wanted = () => {
			for (const input of [ name, ssid ]) {
				if (input.value.trim() === '') {
					input.focus();
					throw new Error(input === name ? _('Give it a name first, such as Ada’s phone.') : _('Say which Wi-Fi network it shall join.'));
				}
			}

			return { name: name.value.trim(), platform: platform.value, ssid: ssid.value, password: password.value };
		};

		/* Each makes a device of its own: the password is shown once, and the next one gets another. */
		const made = (method, show) => ui.createHandlerFn(this, async () => {
			try {
				const asked = wanted();
				const answer = await api.call(method, asked);

				result.replaceChildren(
					E('div', { 'class': 'alert-message success' }, [
						E('div', {}, [
							E('p', {}, [ _('%s has its key and certificate.').format(asked.name) ]),
							...await show(answer),
							steps(answer.steps),
							E('p', {}, [ _('The password that it asks for is shown here once:'), ' ', E('strong', { 'class': 'homeca-code' }, [ asked.password ]) ]),
							E('p', {}, [ E('a', { 'href': L.url('admin/services/homeca/device') + '?id=' + encodeURIComponent(answer.id) }, [ _('See it among the devices') ]) ])
						])
					])
				);
				name.value = '';
				password.replaceChildren(newPassword());
			} catch (error) {
				live.complain(error);
			}
		});

		const files = made('profile', async (answer) => {
			for (const file of answer.files)
				save(file);

			return [ E('p', {}, [ _('Saved: %s').format(answer.files.map((file) => file.name).join(', ')) ]) ];
		});
		const link = made('link', async (answer) => [
			E('p', {}, [ _('Open this on the device before %s. It opens once.').format(words.moment(answer.until)) ]),
			E('p', {}, [ E('code', { 'class': 'homeca-link' }, [ answer.url ]) ]),
			await picture(answer.url),
			E('p', { 'class': 'homeca-quiet' }, [ _('Its browser does not know this home yet and warns. Compare the fingerprint that it shows: %s').format(answer.fingerprint) ]),
			answer.hint === null ? '' : E('p', { 'class': 'homeca-bad' }, [ words.sentence(answer.hint) ])
		]);

		return E('div', {}, [
			E('div', { 'class': 'homeca-filters' }, [
				field('homeca-name', _('Name'), name),
				field('homeca-platform', _('What it is'), platform),
				field('homeca-ssid', _('Wi-Fi network'), ssid)
			]),
			E('datalist', { 'id': 'homeca-ssids' }, ssids.map((value) => E('option', { value }))),
			E('p', {}, [ E('label', { 'for': 'homeca-password' }, [ _('Password that protects its key') ]), ' ', password ]),
			E('div', { 'class': 'homeca-buttons' }, [
				E('button', { 'type': 'button', 'class': 'btn cbi-button-action', 'click': files }, [ _('Save the profile here') ]),
				E('button', { 'type': 'button', 'class': 'btn', 'click': link }, [ _('Make a link that opens once') ])
			]),
			result
		]);
	},

	device() {
		const label = E('input', { 'id': 'homeca-label', 'class': 'cbi-input-text', 'maxlength': 1024, 'autocomplete': 'off', 'spellcheck': 'false' });
		const told = E('div', { 'role': 'status' });
		const take = ui.createHandlerFn(this, () => this.take(label.value.trim(), 'qr', told).then((isTaken) => {
			if (isTaken)
				label.value = '';
		}));

		return E('div', {}, [
			E('p', {}, [ _('With the text of the code on its label it is let in by itself when it comes. Without, switch it on, search for it, and compare what it shows.') ]),
			E('div', { 'class': 'homeca-filters' }, [ field('homeca-label', _('Text of the code on its label'), label) ]),
			E('div', { 'class': 'homeca-buttons' }, [
				E('button', { 'type': 'button', 'class': 'btn cbi-button-action', 'click': take }, [ _('Expect it') ])
			]),
			told,
			this.search.node,
			E('p', {}, [ E('a', { 'class': 'btn', 'href': L.url('admin/services/homeca/home') }, [ _('See who waits for you') ]) ])
		]);
	},

	list() {
		const text = E('textarea', { 'id': 'homeca-list', 'class': 'cbi-input-textarea', 'rows': 6, 'maxlength': MAX_LIST, 'spellcheck': 'false', 'placeholder': 'id,code,name,type' });
		const told = E('div', { 'role': 'status' });
		const file = E('input', {
			'id': 'homeca-file', 'type': 'file', 'accept': '.csv,text/csv,text/plain',
			'change': () => file.files[0]?.text().then((content) => { text.value = content; })
		});
		const take = ui.createHandlerFn(this, () => this.take(text.value, 'csv', told).then((isTaken) => {
			if (isTaken)
				text.value = '';
		}));

		return E('div', {}, [
			E('p', {}, [ _('A maker or shop may give you a list of what you bought: its keys, ids or codes. What is on it is let in by itself.') ]),
			field('homeca-file', _('From a file'), file),
			field('homeca-list', _('Or its text'), text),
			E('button', { 'type': 'button', 'class': 'btn cbi-button-action', 'click': take }, [ _('Take it in') ]),
			told
		]);
	},

	/* Whether all of it was taken; what was not stays where it was typed. */
	take(text, format, told) {
		if (text === '') {
			told.replaceChildren(E('p', { 'class': 'homeca-bad' }, [ _('There is nothing to take in yet.') ]));

			return Promise.resolve(false);
		}

		return api.call('import', { text, format }).then(({ imported, skipped }) => {
			told.replaceChildren(
				E('p', {}, [ N_(imported, '%d device is expected now.', '%d devices are expected now.').format(imported) ]),
				skipped.length === 0 ? '' : E('ul', {}, skipped.map((sentence) => E('li', { 'class': 'homeca-bad' }, [ sentence ])))
			);

			return skipped.length === 0;
		}, (error) => {
			told.replaceChildren(E('p', { 'class': 'homeca-bad' }, [ error.message ]));

			return false;
		});
	}
});
