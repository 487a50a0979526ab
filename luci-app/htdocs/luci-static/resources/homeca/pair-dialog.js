'use strict';
'require baseclass';
'require homeca.api as api';
'require homeca.dialog as dialog';
'require homeca.rights as rights';
'require homeca.rights-form as rightsForm';
'require homeca.rights-list as rightsList';
'require homeca.words as words';

/* What one device may ask of another: shown, given and taken in a dialog. */

return baseclass.extend({
	/**
	 * Opens it.
	 *
	 * @param {object} asked
	 * @param {object} asked.asker - a device, as method `devices` has it
	 * @param {object} asked.target - the other one
	 * @param {Map<string, object>} asked.devices - all, by id, for their names
	 * @param {function(): object[]} asked.rights - the asker's, as they are by now
	 * @param {boolean} asked.isReadOnly - nothing can be changed then
	 * @param {function(object)} asked.changed - told what method `rights` would answer by now
	 * @returns {Promise} once it is closed
	 */
	open(asked) {
		const { asker, target, devices, isReadOnly } = asked;
		const nameOf = (id) => devices.has(id) ? words.title(devices.get(id)) : id;
		const names = [ words.title(asker), words.title(target) ];
		const list = E('div', {});
		const fault = E('div', { 'role': 'alert' });
		const close = E('button', { 'type': 'button', 'class': 'btn' }, [ _('Close') ]);
		const takeAll = E('button', {
			'type': 'button',
			'class': 'btn cbi-button-negative',
			'aria-label': _('Take all away that %s may ask of %s alone').format(...names)
		}, [ _('Take all away') ]);

		const shown = (some) => rightsList.draw({
			id: asker.id, name: names[0], rights: some, nameOf, isReadOnly: true
		});
		const fill = () => {
			const { own, shared } = rights.against(asked.rights(), target);
			takeAll.disabled = own.length === 0;
			list.replaceChildren(
				own.length + shared.length === 0 ? E('p', {}, [ _('It may ask nothing of it.') ]) : '',
				own.length === 0 ? '' : shown(own),
				shared.length === 0 ? '' : E('p', {}, [ _('Through a group, or as one of all:') ]),
				shared.length === 0 ? '' : shown(shared)
			);
		};
		const changed = (answer) => {
			fault.replaceChildren();
			asked.changed(answer);
			fill();
		};
		const form = rightsForm.create({
			id: asker.id, prefix: 'homeca-pair', to: target.id,
			grant: (right) => api.call('grant', Object.assign({ id: asker.id }, right)).then(changed)
		});
		form.update(devices);
		fill();

		const opened = dialog.open(_('What one may ask of another'), [
			E('p', {}, [ E('bdi', {}, [ _('%s asks %s').format(...names) ]) ]),
			list,
			isReadOnly ? '' : form.node,
			fault,
			E('div', { 'class': 'right' }, [ close, ' ', isReadOnly ? '' : takeAll ])
		]);
		takeAll.addEventListener('click', () => {
			takeAll.disabled = true;
			close.focus();
			api.call('withhold', { id: asker.id, to: target.id }).then(changed, (failure) => {
				fault.replaceChildren(E('p', { 'class': 'alert-message error' }, [ failure.message ]));
				fill();
			});
		});
		close.focus();
		return new Promise((resolve) => close.addEventListener('click', () => {
			opened.close();
			resolve();
		}));
	}
});
