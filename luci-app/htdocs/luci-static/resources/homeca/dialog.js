'use strict';
'require baseclass';
'require ui';

/*
 * Dialogs that ask before something is done. LuCI's modal is what is shown; here it gets a name for
 * those who hear it, keeps the keyboard inside, and gives the focus back to where it came from.
 */

const FOCUSABLE = 'a[href], button:not([disabled]), input:not([disabled]), select:not([disabled])';

/** Numbers the headings, so that each dialog is named by its own. */
let opened = 0;

/** Tab goes round inside the dialog, for what lies under it is not meant; Escape is its first button, which does nothing. */
function keepInside(dialog, event) {
	// Somebody else may have taken it away.
	if (dialog.getClientRects().length === 0) return;
	if (event.key === 'Escape') {
		event.stopPropagation();
		dialog.querySelector('.right > button:not([disabled])')?.click();
	}
	if (event.key !== 'Tab') return;
	const stops = Array.from(dialog.querySelectorAll(FOCUSABLE)).filter((stop) => stop.offsetParent !== null);
	if (stops.length === 0) return;
	const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
	const other = event.shiftKey ? stops[stops.length - 1] : stops[0];
	if (document.activeElement !== edge && stops.includes(document.activeElement)) return;
	event.preventDefault();
	other.focus();
}

/** The button that opened the dialog, or the one that was drawn in its place meanwhile. */
function wayBack(opener) {
	if (opener === null || opener.isConnected) return opener;
	return Array.from(document.querySelectorAll('button, a')).find(({ textContent }) => textContent === opener.textContent);
}

return baseclass.extend({
	/**
	 * Opens a dialog.
	 *
	 * @param {string} title - its heading and its name
	 * @param {Node[]} content - text of a device stands in arrays here as everywhere
	 * @returns {{ node: Node, close: function() }} `close` gives the focus back
	 */
	open(title, content) {
		const before = document.activeElement;
		const node = ui.showModal([ title ], content, 'homeca-dialog');
		const heading = node.querySelector('h4');
		heading.id = 'homeca-dialog-%d'.format(++opened);
		node.setAttribute('aria-labelledby', heading.id);
		const trap = (event) => keepInside(node, event);
		// At the document: a button that was pressed and is disabled then has lost the keyboard's place.
		document.addEventListener('keydown', trap, true);
		return {
			node,
			close() {
				document.removeEventListener('keydown', trap, true);
				ui.hideModal();
				wayBack(before)?.focus();
			}
		};
	},

	/**
	 * Says what will be done and to whom, and does it when told to.
	 *
	 * @param {object} question
	 * @param {string} question.title - such as `Revoke this device?`
	 * @param {Node[]} question.content - what it means, in full sentences
	 * @param {string} question.verb - on the button that does it
	 * @param {boolean} [question.isDangerous] - whether it takes something away
	 * @param {function(): Promise} question.run - an Error it rejects with is shown, and the dialog stays
	 * @returns {Promise<*>} what `run` answered, or null where it was not told to
	 */
	ask(question) {
		return new Promise((resolve) => {
			const fault = E('div', { 'role': 'alert' });
			const cancel = E('button', { 'type': 'button', 'class': 'btn' }, [ _('Cancel') ]);
			const act = E('button', {
				'type': 'submit',
				'class': question.isDangerous ? 'btn cbi-button-negative important' : 'btn cbi-button-positive important'
			}, [ question.verb ]);
			const row = E('div', { 'class': 'right' }, [ cancel, ' ', act ]);
			// A form, so that Enter in one of its fields is the button's press.
			const form = E('form', { 'class': 'homeca-form', 'novalidate': '' }, question.content.concat([ fault, row ]));
			const dialog = this.open(question.title, [ form ]);
			cancel.addEventListener('click', () => {
				dialog.close();
				resolve(null);
			});
			form.addEventListener('submit', (event) => {
				event.preventDefault();
				if (act.disabled) return;
				act.disabled = cancel.disabled = true;
				act.classList.add('spinning');
				fault.replaceChildren();
				question.run().then((answer) => {
					dialog.close();
					resolve(answer);
				}, (failure) => {
					act.disabled = cancel.disabled = false;
					act.classList.remove('spinning');
					fault.replaceChildren(E('p', { 'class': 'alert-message error' }, [ failure.message ]));
					cancel.focus();
				});
			});
			cancel.focus();
		});
	}
});
