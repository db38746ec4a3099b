/** The page of `buildswarm web`: begins here, in the browser. */
import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './page.css';
import { Page } from './page.tsx';
import { connect } from './store.ts';

const place = document.querySelector('#page');
if (place !== null) render(<Page />, place);
connect();
